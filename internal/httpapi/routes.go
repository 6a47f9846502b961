package httpapi

import (
	"net/http"
	"slices"

	"espalier.dev/espalier/internal/fleet"
)

// table is every route of the server: what it answers to, what it is counted as, who may, and its description.
func (a *API) table() []route {
	return slices.Concat(a.configRoutes(), a.historyRoutes(), a.auditRoutes(), a.transferRoutes(), a.deviceRoutes(), a.fleetRoutes(), a.operationRoutes(), a.serverRoutes(), a.docRoutes(), a.pageRoutes())
}

// goneMatch says what a precondition on a configuration that was deleted is about.
const goneMatch = "If-Match then means the revision that the delete was."

func (a *API) configRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/configs", also: "/api/configs/", operation: opList, handle: a.listConfigs,
			doc: doc{id: "listConfigs", tag: "configs", summary: "List configurations, without their contents",
				about: "Without parameters all of them, by MAC address. With limit or cursor one page; next_cursor and the Link " +
					"header name the next.",
				query: listParams(), bears: []string{"Link"}, answers: []answer{with(200, "The configurations", configList{})}, refusals: []int{400}}},
		{method: http.MethodPost, pattern: "/api/configs", also: "/api/configs/", operation: opCreate,
			action: fleet.ActionCreate, handle: a.createConfig,
			doc: doc{id: "createConfig", tag: "configs", summary: "Create the configuration of a device", body: newConfig{},
				headers: writeHeaders(ifNoneMatchHeader, idempotencyKeyHeader), bears: []string{"ETag", "Location", replayedHeader},
				answers: []answer{with(201, "The configuration; Location names it", config{})}, refusals: []int{400, 409, 412, 413, 415}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}", operation: opGet, handle: a.getConfig,
			doc: doc{id: "getConfig", tag: "configs", summary: "Read a configuration", bears: []string{"ETag"},
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{404}}},
		{method: http.MethodPut, pattern: "/api/configs/{id}", operation: opUpdate,
			action: fleet.ActionUpdate, handle: a.updateConfig,
			doc: doc{id: "updateConfig", tag: "configs", summary: "Replace the content of a configuration", body: newContent{},
				about: "The MAC address cannot change. Other fields than content are ignored. Content that is there already makes no " +
					"revision; the device is told all the same.",
				headers: writeHeaders(ifMatchHeader), bears: []string{"ETag"},
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{400, 404, 412, 413, 415}}},
		{method: http.MethodPatch, pattern: "/api/configs/{id}", operation: opUpdate,
			action: fleet.ActionPatch, handle: a.patchConfig,
			doc: doc{id: "patchConfig", tag: "configs", summary: "Change parts of the content of a configuration",
				about: "A JSON Merge Patch (RFC 7396) of the document, as content. What it does not name keeps its text: order, spacing, " +
					"number literals. Nothing but content can be patched.",
				body: contentPatch{}, media: []string{"application/merge-patch+json"},
				headers: writeHeaders(ifMatchHeader), bears: []string{"ETag"},
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{400, 404, 412, 413, 415}}},
		{method: http.MethodPost, pattern: "/api/configs/{id}/preview", reads: true, handle: a.previewPatch,
			doc: doc{id: "previewPatch", tag: "configs", summary: "What a patch would change",
				about: "Answers to what PATCH would do now, and refuses what it would refuse. Nothing is written: no revision, and nothing in the audit.",
				body:  contentPatch{}, media: []string{"application/merge-patch+json"},
				headers: writeHeaders(ifMatchHeader),
				answers: []answer{with(200, "What differs", preview{})}, refusals: []int{400, 404, 412, 413, 415}}},
		{method: http.MethodDelete, pattern: "/api/configs/{id}", operation: opDelete,
			action: fleet.ActionDelete, handle: a.deleteConfig,
			doc: doc{id: "deleteConfig", tag: "configs", summary: "Delete a configuration",
				about:   "Its revisions stay, and it can be brought back with them.",
				headers: writeHeaders(ifMatchHeader), answers: []answer{empty(204, "It is gone")}, refusals: []int{400, 404, 412}}},
		{method: http.MethodPost, pattern: "/api/configs/{id}/undelete", action: fleet.ActionRestore, handle: a.undeleteConfig,
			doc: doc{id: "undeleteConfig", tag: "configs", summary: "Bring back a configuration that was deleted",
				about:   "With the content, the id and the history that it had. " + goneMatch,
				headers: writeHeaders(ifMatchHeader, idempotencyKeyHeader), bears: []string{"ETag", replayedHeader},
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{400, 404, 409, 412}}},
		{method: http.MethodPost, pattern: "/api/configs/{id}/replace-device", action: fleet.ActionReplace, handle: a.replaceDevice,
			doc: doc{id: "replaceDevice", tag: "configs", summary: "Move a configuration and its history to new hardware", body: newDevice{},
				about: "In one step: the old MAC address has no configuration afterwards, and its device's retained message goes. Revisions " +
					"keep their numbers, or follow those that the new address had before.",
				headers: writeHeaders(ifMatchHeader, idempotencyKeyHeader), bears: []string{"ETag", replayedHeader},
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{400, 404, 409, 412, 413, 415}}},
	}
}

func (a *API) historyRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/configs/{id}/revisions", handle: a.listRevisions,
			doc: doc{id: "listRevisions", tag: "history", summary: "List the revisions of a configuration, newest first",
				about: "A page of 100, or as many as limit says; next_cursor and the Link header name the next. The configuration may have been " +
					"deleted. A delete is a revision too, without a document.",
				query: pageParams(), bears: []string{"Link"},
				answers: []answer{with(200, "The revisions, without their contents", revisionList{})}, refusals: []int{400, 404}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}/revisions/{rev}", handle: a.getRevision,
			doc: doc{id: "getRevision", tag: "history", summary: "Read a revision",
				answers: []answer{with(200, "The revision", wholeRevision{})}, refusals: []int{404}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}/revisions/{rev}/document", handle: a.getRevisionDocument,
			doc: doc{id: "getRevisionDocument", tag: "history", summary: "The document of a revision, exactly as it was written",
				about:   "The ETag is that of the bytes, as the device gets it; with If-None-Match, who has them gets 304.",
				bears:   []string{"ETag", "Last-Modified"},
				answers: []answer{with(200, "The document", anyObject{}), empty(304, "You have it already")}, refusals: []int{404}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}/diff", handle: a.diffRevisions,
			doc: doc{id: "diffRevisions", tag: "history", summary: "What differs between two revisions",
				about: "As a JSON Patch for programs and as a unified diff for people. Without parameters: what the newest revision changed.",
				query: diffParams(), answers: []answer{with(200, "What differs", difference{})}, refusals: []int{400, 404}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}/blame", handle: a.blameConfig,
			doc: doc{id: "blameConfig", tag: "history", summary: "Which revision gave each value of the document",
				about: "Of each value that holds no others, in the order of the document: the revision that gave it the value that it has had since, " +
					"without a break. Numbers are the same where they are written in the same way. It is looked back through 10,000 revisions and " +
					"16 MiB of documents at most. Where the paths alone would take megabytes, some objects and arrays are not divided. " +
					"A configuration that was deleted has no document to blame.",
				answers: []answer{with(200, "The values and their revisions", blame{})}, refusals: []int{404}}},
		{method: http.MethodPost, pattern: "/api/configs/{id}/revisions/{rev}/restore", action: fleet.ActionRestore, handle: a.restoreRevision,
			doc: doc{id: "restoreRevision", tag: "history", summary: "Make a new revision with the bytes of an older one",
				about:   "A configuration that was deleted comes back with it. " + goneMatch,
				headers: writeHeaders(ifMatchHeader, idempotencyKeyHeader), bears: []string{"ETag", replayedHeader},
				answers: []answer{with(200, "The configuration", config{})}, refusals: []int{400, 404, 409, 412}}},
	}
}

func (a *API) auditRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/audit", handle: a.listAudit,
			doc: doc{id: "listAudit", tag: "audit", summary: "Who changed what, and what was refused, newest first",
				about: "A page of 100, or as many as limit says; next_cursor and the Link header name the next.",
				query: append(auditParams(), pageParams()...), bears: []string{"Link"},
				answers: []answer{with(200, "The entries", auditList{})}, refusals: []int{400}}},
		{method: http.MethodGet, pattern: "/api/audit/export", handle: a.exportAudit,
			doc: doc{id: "exportAudit", tag: "audit", summary: "The audit, one entry a line, newest first", query: auditParams(),
				answers:  []answer{{200, "Each line is an entry as the list of the audit has it", "application/x-ndjson", auditEntry{}}},
				refusals: []int{400}}},
	}
}

func (a *API) transferRoutes() []route {
	return []route{
		{method: http.MethodPost, pattern: "/api/import", action: fleet.ActionImport, handle: a.importConfigs,
			doc: doc{id: "importConfigs", tag: "transfer", summary: "Create or change many configurations in one transaction",
				about: "A body of up to 256 MiB and 500,000 configurations: an array, or one configuration a line. Without keep_going one refusal refuses " +
					"all; 200 says that the import was read, and applied in the report whether it was kept. To write over nothing unseen: a dry run with " +
					"on_conflict=fail and keep_going names the current_revision of each device that has another document, and if_revision holds the import to it.",
				query: importParams(), body: []importItem{}, lines: true,
				headers: writeHeaders(idempotencyKeyHeader), bears: []string{replayedHeader},
				answers: []answer{with(200, "What was done, or would be", report{})}, refusals: []int{400, 413, 415, 429}}},
		{method: http.MethodGet, pattern: "/api/export", handle: a.exportConfigs,
			doc: doc{id: "exportConfigs", tag: "transfer", summary: "All configurations, one a line, as import reads them",
				about:   "The content is a string, which keeps every byte of the document.",
				answers: []answer{{200, "Each line is an object with mac_address and content, both strings", "application/x-ndjson", exported{}}}}},
	}
}

func (a *API) deviceRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/configs/{mac}.json", operation: opGetRaw, access: public, quiet: true,
			handle: a.getDocument, doc: deviceDoc("getDocument", "The document of a device, exactly as it was written")},
		{method: http.MethodGet, pattern: "/esp32/config/{mac}.json", operation: opGetRaw, access: public, quiet: true,
			handle: a.getDocument, doc: deviceDoc("getDocumentOld", "The same, at the path of older firmware")},
	}
}

func (a *API) fleetRoutes() []route {
	return []route{
		{method: http.MethodPost, pattern: "/api/configs/{mac}/report", access: public, quiet: true, handle: a.reportDocument,
			doc: doc{id: "reportDocument", tag: "devices", summary: "What a device says of a revision of its document",
				about: "Either rev or etag names the revision. Firmware that says nothing of the media type is understood too. A device that " +
					"reports more often than any needs to gets 429.",
				body: newReport{}, answers: []answer{empty(204, "It is kept")}, refusals: []int{400, 403, 404, 413, 415, 429}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}/device", handle: a.deviceOf,
			doc: doc{id: "getDevice", tag: "fleet", summary: "What is known of a configuration's device",
				about: "What was served to it, what it proved to have, what it reported, and what follows from these. With at, what was " +
					"known at that time of what it had: a DeviceThen. The configuration may have been deleted.",
				query: deviceParams(), answers: []answer{with(200, "What is known", deviceNowOrThen{})}, refusals: []int{400, 404}}},
		{method: http.MethodGet, pattern: "/api/configs/{id}/facts", handle: a.listFacts,
			doc: doc{id: "listFacts", tag: "fleet", summary: "How what is known of a device came about, newest first",
				about: "A page of 100, or as many as limit says; next_cursor and the Link header name the next. A device that shows the same " +
					"again makes no further fact.",
				query: pageParams(), bears: []string{"Link"}, answers: []answer{with(200, "The facts", factList{})}, refusals: []int{400, 404}}},
		{method: http.MethodGet, pattern: "/api/fleet/summary", handle: a.fleetSummary,
			doc: doc{id: "fleetSummary", tag: "fleet", summary: "How many devices stand how to their documents",
				answers: []answer{with(200, "The counts", fleetCounts{})}}},
		{method: http.MethodGet, pattern: "/api/fleet/history", handle: a.fleetHistory,
			doc: doc{id: "fleetHistory", tag: "fleet", summary: "How many devices stood how to their documents, over time",
				about: "Oldest first. The fleet is counted once a minute; two days are kept by the minute, and 400 by the hour. Of each step that " +
					"has samples the first is answered; steps are whole minutes, as few as keep to points.",
				query: historyParams(), answers: []answer{with(200, "The samples", fleetSamples{})}, refusals: []int{400}}},
		{method: http.MethodGet, pattern: "/api/fleet/devices", handle: a.fleetDevices,
			doc: doc{id: "fleetDevices", tag: "fleet", summary: "The whole fleet in little space, one configuration a line",
				about: "The first line is a header: an object with columns (the names of what follows, in order), count (about how many lines " +
					"follow) and position (where the stream of events was before the first line was read: who follows from there, by " +
					"Last-Event-ID, misses nothing; null where there are no events). Each further line is an array of the columns, by MAC address. last_seen and " +
					"updated_at are Unix seconds, enable_ota, overdue and online 0 or 1; null is what is not known. Compressed " +
					"where Accept-Encoding has gzip.",
				query: devicesParams(), answers: []answer{{200, "A header, then an array a line", "application/x-ndjson", ""}}, refusals: []int{400}}},
		{method: http.MethodGet, pattern: "/api/events", handle: a.streamEvents,
			doc: doc{id: "streamEvents", tag: "fleet", summary: "What happens, as it happens",
				about: "Server-sent events, the same ones in the same order from every server. The first is ready, with an id. A reader that comes " +
					"back with the last id that it has goes on behind it; where that cannot be, a reset comes first, and the reader must read " +
					"anew what it knows. A reader that does not keep up is sent away, and comes back. A line comes at least each 15 seconds.",
				query: eventParams(), headers: eventHeaders(), answers: []answer{{200, "The stream; the data of each event but ready ({}) and " +
					`reset ({"reason":"…"}) is an Event`, "text/event-stream", event{}}}, refusals: []int{400}}},
	}
}

func (a *API) operationRoutes() []route {
	return []route{
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
	}
}

func (a *API) serverRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/server", handle: a.serverInfo,
			doc: doc{id: "getServer", tag: "server", summary: "What this server is, and how it does",
				about:   "Whoever gets an answer has been let in, and learns as whom.",
				answers: []answer{with(200, "The server", serverState{})}}},
		{method: http.MethodPost, pattern: "/api/sample", action: fleet.ActionImport, handle: a.importSample,
			doc: doc{id: "importSample", tag: "transfer", summary: "Import the sample fleet, to try things with",
				about:   "24 documents. A device that has a configuration already is skipped.",
				headers: writeHeaders(idempotencyKeyHeader), bears: []string{replayedHeader},
				answers: []answer{with(200, "What was done", report{})}, refusals: []int{400}}},
	}
}

func (a *API) docRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/api/docs", access: public, quiet: true, handle: a.docsPage,
			doc: doc{id: "docs", tag: "docs", summary: "This description, to browse", bears: []string{"ETag"},
				answers: []answer{{200, "A page", "text/html", ""}}}},
		{method: http.MethodGet, pattern: "/api/docs/", access: public, quiet: true, handle: a.docsFolder,
			doc: doc{id: "docsFolder", tag: "docs", summary: "Leads to the page", bears: []string{"Location"}, answers: []answer{empty(308, "To /api/docs")}}},
		{method: http.MethodGet, pattern: "/api/docs/openapi.json", access: public, quiet: true, handle: a.openAPI,
			doc: doc{id: "openapi", tag: "docs", summary: "This description",
				answers: []answer{with(200, "An OpenAPI 3.1 document", anyObject{})}}},
		{method: http.MethodGet, pattern: "/api/docs/{file}", access: public, quiet: true, handle: a.docsFile,
			doc: doc{id: "docsFile", tag: "docs", summary: "A part of the page", bears: []string{"ETag"},
				answers: []answer{{200, "A style sheet, a script or an image", "*/*", ""}}, refusals: []int{404}}},
	}
}

func (a *API) pageRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/", access: public, quiet: true, handle: a.webPage,
			doc: doc{id: "page", tag: "page", summary: "The page, to look after a fleet with", answers: []answer{{200, "A page", "text/html", ""}}}},
		{method: http.MethodGet, pattern: "/assets/{file}", access: public, quiet: true, handle: a.webAsset,
			doc: doc{id: "pageAsset", tag: "page", summary: "A part of the page", about: "What has a name once never changes.", bears: []string{"ETag"},
				answers: []answer{{200, "A script, a style sheet, a font or an image", "*/*", ""}, empty(304, "You have it already")}, refusals: []int{404}}},
		{method: http.MethodGet, pattern: "/favicon.svg", access: public, quiet: true, handle: a.favicon,
			doc: doc{id: "favicon", tag: "page", summary: "The sign of the page", bears: []string{"ETag"},
				answers: []answer{{200, "An image", "image/svg+xml", ""}, empty(304, "You have it already")}, refusals: []int{404}}},
	}
}

func deviceDoc(id, summary string) doc {
	return doc{id: id, tag: "devices", summary: summary,
		about: "The MAC address may be written as aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff or aabbccddeeff, in " +
			"either case. The answer bears an ETag; with If-None-Match a device that has the document gets 304.",
		bears:    []string{"ETag", "Last-Modified"},
		answers:  []answer{with(200, "The document", anyObject{}), empty(304, "The device has it already")},
		refusals: []int{400, 404}}
}
