// Package web holds the pages of the server: what `npm run build` made of the sources beside this file, embedded, and
// the code that serves it. It imports nothing of ours. Start reading at ServePage, the page of the server; ServeDocs has that
// of the API's description.
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

// unbuilt stands in for the page of the docs where it was not built.
const unbuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Espalier API</title>
<p>This program was built without its pages; <code>make build</code> makes them.
<p>The description of the API is here all the same: <a href="docs/openapi.json">openapi.json</a>
`

// ServeDocs sends a file of the docs, and answers false where there is none of that name. The page names its parts by
// paths relative to its own, which must end in "/docs".
func ServeDocs(w http.ResponseWriter, r *http.Request, name string) bool {
	return serveDocs(dist, w, r, name)
}

func serveDocs(files fs.FS, w http.ResponseWriter, r *http.Request, name string) bool {
	if serve(files, w, r, "dist/docs", name, revalidated) {
		return true
	}
	if name != DocsPage {
		return false
	}
	send(w, r, name, []byte(unbuilt), revalidated)
	return true
}

// How long a client may keep what it got.
const (
	revalidated = "no-cache"
	forever     = "public, max-age=31536000, immutable" // what has its hash in its name
	never       = "no-store"
)

// serve sends a file of a folder, packed to whoever takes that, and answers false where there is none of that name.
func serve(files fs.FS, w http.ResponseWriter, r *http.Request, folder, name, keep string) bool {
	if strings.ContainsAny(name, "/\\") {
		return false
	}
	packed, err := fs.ReadFile(files, folder+"/"+name+".gz")
	if err != nil {
		return false
	}
	plain := packed
	gzipped := AcceptsGzip(r.Header)
	if !gzipped {
		if plain, err = unpack(packed); err != nil {
			return false
		}
	}
	w.Header().Add("Vary", "Accept-Encoding")
	if gzipped {
		w.Header().Set("Content-Encoding", "gzip")
	}
	send(w, r, name, plain, keep)
	return true
}

// send sends a body that a client may keep for as long as keep says, with a tag of its bytes unless that is never.
func send(w http.ResponseWriter, r *http.Request, name string, body []byte, keep string) {
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Cache-Control", keep)
	if keep != never {
		sum := sha256.Sum256(body)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		h.Set("Etag", tag)
		if has(r.Header, tag) {
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
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
	case ".json":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// has tells whether a client names a tag among those of what it has (RFC 9110, section 13.1.2). A proxy that packs or unpacks
// makes tags weak.
func has(h http.Header, tag string) bool {
	for _, field := range h["If-None-Match"] {
		for one := range strings.SplitSeq(field, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}

// AcceptsGzip tells whether a client takes gzip (RFC 9110, section 12.5.3): it names it, or everything, with a quality above 0.
func AcceptsGzip(h http.Header) bool {
	rest := false
	for part := range strings.SplitSeq(strings.Join(h["Accept-Encoding"], ","), ",") {
		coding, weight, _ := strings.Cut(part, ";")
		takes := true
		if _, q, given := strings.Cut(weight, "="); given {
			quality, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			takes = err == nil && quality > 0
		}
		switch coding = strings.TrimSpace(coding); {
		case strings.EqualFold(coding, "gzip"):
			return takes
		case coding == "*":
			rest = takes
		}
	}
	return rest
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
