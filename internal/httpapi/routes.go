package httpapi

import "net/http"

// table is every route of the server: what it answers to, what it is counted as, who may, and its description.
func (a *API) table() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/configs", also: "/api/configs/", operation: opList, handle: a.listConfigs,
			doc: doc{id: "listConfigs", tag: "configs", summary: "List configurations, without their contents",
				about: "Without parameters all of them, by MAC address. With limit or cursor one page; next_cursor and the Link " +
					"header name the next.",
				query: listParams(), answers: []answer{with(200, "The configurations", configList{})}, refusals: []int{400}}},
		{method: http.MethodPost, pattern: "/api/configs", also: "/api/configs/", operation: opCreate, handle: a.createConfig,
			doc: doc{id: "createConfig", tag: "configs", summary: "Create the configuration of a device", body: newConfig{},
				answers: []answer{with(201, "The configuration; Location names it", config{})}, refusals: []int{400, 409, 413, 415}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}", operation: opGet, handle: a.getConfig,
			doc: doc{id: "getConfig", tag: "configs", summary: "Read a configuration",
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{404}}},
		{method: http.MethodPut, pattern: "/api/configs/{id}", operation: opUpdate, handle: a.updateConfig,
			doc: doc{id: "updateConfig", tag: "configs", summary: "Replace the content of a configuration", body: newContent{},
				about:   "The MAC address cannot change. Other fields than content are ignored.",
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{400, 404, 413, 415}}},
		{method: http.MethodDelete, pattern: "/api/configs/{id}", operation: opDelete, handle: a.deleteConfig,
			doc: doc{id: "deleteConfig", tag: "configs", summary: "Delete a configuration",
				answers: []answer{empty(204, "It is gone")}, refusals: []int{404}}},

		{method: http.MethodPost, pattern: "/api/import", handle: a.importConfigs,
			doc: doc{id: "importConfigs", tag: "transfer", summary: "Create or change many configurations in one transaction",
				about: "A body of up to 256 MiB and 500,000 configurations: an array, or one configuration a line. Without keep_going one refusal refuses " +
					"all; 200 says that the import was read, and applied in the report whether it was kept.",
				query: importParams(), body: []importItem{}, lines: true,
				answers: []answer{with(200, "What was done, or would be", report{})}, refusals: []int{400, 413, 415, 429}}},
		{method: http.MethodGet, pattern: "/api/export", handle: a.exportConfigs,
			doc: doc{id: "exportConfigs", tag: "transfer", summary: "All configurations, one a line, as import reads them",
				about:   "The content is a string, which keeps every byte of the document.",
				answers: []answer{{200, "One exported configuration a line", "application/x-ndjson", exported{}}}}},

		{method: http.MethodGet, pattern: "/api/configs/{mac}.json", operation: opGetRaw, access: public, quiet: true,
			handle: a.getDocument, doc: deviceDoc("getDocument", "The document of a device, exactly as it was written")},
		{method: http.MethodGet, pattern: "/esp32/config/{mac}.json", operation: opGetRaw, access: public, quiet: true,
			handle: a.getDocument, doc: deviceDoc("getDocumentOld", "The same, at the path of older firmware")},

		{method: http.MethodGet, pattern: "/api/health", access: public, quiet: true, handle: a.health,
			doc: doc{id: "health", tag: "operations", summary: "Is the service well?",
				answers: []answer{with(200, "It is", health{}), with(503, "The database is away", health{})}}},
		{method: http.MethodGet, pattern: "/healthz", access: public, quiet: true, handle: a.alive,
			doc: doc{id: "healthz", tag: "operations", summary: "Is the process alive?",
				answers: []answer{with(200, "It is", alive{})}}},
		{method: http.MethodGet, pattern: "/readyz", access: public, quiet: true, handle: a.ready,
			doc: doc{id: "readyz", tag: "operations", summary: "Can the server do its work?",
				about: "The database and its schema decide; the broker is reported, since documents are served without it.",
				answers: []answer{with(200, "It can", ready{}),
					with(503, "The database is away, or has not the schema of this version", ready{})}}},
		{method: http.MethodGet, pattern: "/metrics", access: public, quiet: true, handle: a.scrapeMetrics,
			doc: doc{id: "metrics", tag: "operations", summary: "Metrics for Prometheus",
				answers: []answer{{200, "In the text format", "text/plain", ""}}}},

		{method: http.MethodGet, pattern: "/api/docs", handle: a.docsPage,
			doc: doc{id: "docs", tag: "docs", summary: "This description, to browse",
				answers: []answer{{200, "A page", "text/html", ""}}}},
		{method: http.MethodGet, pattern: "/api/docs/", handle: a.docsFolder,
			doc: doc{id: "docsFolder", tag: "docs", summary: "Leads to the page", answers: []answer{empty(308, "To /api/docs")}}},
		{method: http.MethodGet, pattern: "/api/docs/openapi.json", handle: a.openAPI,
			doc: doc{id: "openapi", tag: "docs", summary: "This description",
				answers: []answer{with(200, "An OpenAPI 3.1 document", anyObject{})}}},
		{method: http.MethodGet, pattern: "/api/docs/{file}", handle: a.docsFile,
			doc: doc{id: "docsFile", tag: "docs", summary: "A part of the page",
				answers: []answer{{200, "A style sheet, a script or an image", "*/*", ""}}, refusals: []int{404}}},
		{method: http.MethodGet, pattern: "/", access: public, quiet: true, handle: a.root,
			doc: doc{id: "root", tag: "docs", summary: "Leads to the description", answers: []answer{empty(302, "To /api/docs")}}},
	}
}

func deviceDoc(id, summary string) doc {
	return doc{id: id, tag: "devices", summary: summary,
		about: "The MAC address may be written as aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff or aabbccddeeff, in " +
			"either case. The answer bears an ETag; with If-None-Match a device that has the document gets 304.",
		answers:  []answer{with(200, "The document", anyObject{}), empty(304, "The device has it already")},
		refusals: []int{400, 404}}
}
