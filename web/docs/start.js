// Nothing is asked of any other server: no validator, no fonts, no fetches of other documents.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: new URL("docs/openapi.json", document.baseURI).href,
    dom_id: "#api",
    deepLinking: true,
    validatorUrl: null,
    queryConfigEnabled: false,
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: false,
  });
});
