package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
)

// nonceMark stands in the page wherever its nonce belongs.
const nonceMark = "CSP_NONCE"

// unbuiltPage stands in for the page where it was not built.
const unbuiltPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Espalier</title>
<h1>Espalier is running</h1>
<p>This program was built without its web page; <code>make build</code> builds one with it.
<p>All else works: the command line, the devices, and the API, which <a href="api/docs">its description</a> explains.
`

// ServePage sends the page, which names its parts by paths relative to its own and bears nonce wherever it needs one. Nobody
// keeps it: a nonce is good for one answer.
func ServePage(w http.ResponseWriter, r *http.Request, nonce string) error {
	return servePage(dist, w, r, nonce)
}

func servePage(files fs.FS, w http.ResponseWriter, r *http.Request, nonce string) error {
	page := []byte(unbuiltPage)
	if packed, err := fs.ReadFile(files, "dist/app/index.html.gz"); err == nil {
		if page, err = unpack(packed); err != nil {
			return err
		}
	}
	page = bytes.ReplaceAll(page, []byte(nonceMark), []byte(nonce))
	w.Header().Add("Vary", "Accept-Encoding")
	if AcceptsGzip(r.Header) {
		w.Header().Set("Content-Encoding", "gzip")
		var err error
		if page, err = pack(page); err != nil {
			return err
		}
	}
	send(w, r, "index.html", page, never)
	return nil
}

func pack(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(plain); err != nil {
		return nil, err
	}
	err := zip.Close()
	return out.Bytes(), err
}

// ServeAsset sends a part of the page by its name, which has its hash in it, and answers false where there is none.
func ServeAsset(w http.ResponseWriter, r *http.Request, name string) bool {
	return serve(dist, w, r, "dist/app/assets", name, forever)
}

// ServeIcon sends the sign of the page, and answers false where it was not built.
func ServeIcon(w http.ResponseWriter, r *http.Request) bool {
	return serve(dist, w, r, "dist/app", "favicon.svg", revalidated)
}
