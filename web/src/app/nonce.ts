/** What the server lets style elements of this page bear; libraries that make some must be given it. */
export const nonce: string = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
