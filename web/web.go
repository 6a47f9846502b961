// Package web holds the pages of the server: what `npm run build` made of the sources beside this file, embedded, and
// the code that serves it. It imports nothing of ours. Start reading at ServeDocs.
//
// The files lie in dist compressed (.gz) and are sent that way to whoever takes it. A program that was built without
// them works; its pages say what is missing.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS //nolint:gochecknoglobals // embed needs a variable; it is never written to

// DocsPage is the name of the page of the API's docs.
const DocsPage = "index.html"

// unbuilt stands in for a page that was not built.
const unbuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Espalier API</title>
<p>This program was built without its pages; <code>make build</code> makes them.
<p>The description of the API is here all the same: <a href="docs/openapi.json">openapi.json</a>
`

// ServeDocs sends a file of the docs, and answers false where there is none of that name. The page names its parts by
// paths relative to its own, which must end in "/docs".
func ServeDocs(w http.ResponseWriter, r *http.Request, name string) bool {
	return serve(dist, w, r, name)
}

func serve(files fs.FS, w http.ResponseWriter, r *http.Request, name string) bool {
	if strings.ContainsAny(name, "/\\") {
		return false
	}
	packed, err := fs.ReadFile(files, "dist/docs/"+name+".gz")
	if err != nil {
		if name != DocsPage {
			return false
		}
		send(w, r, name, []byte(unbuilt))
		return true
	}
	w.Header().Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		w.Header().Set("Content-Encoding", "gzip")
		send(w, r, name, packed)
		return true
	}
	plain, err := unpack(packed)
	if err != nil {
		return false
	}
	send(w, r, name, plain)
	return true
}

func send(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Cache-Control", "no-cache")
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	h.Set("Etag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A client that went away cannot be told.
		_, _ = w.Write(body)
	}
}

// contentType is what a file is, by the endings that the build makes; the machine's own table is not asked.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, quality, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q := strings.TrimSpace(quality)
		return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
	}
	return false
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
