package httpapi

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"

	"espalier.dev/espalier/web"
)

// pagePolicy lets the page run its own files, and nothing of anybody else's. Styles that its parts make as they go (the
// editor does) bear the nonce of the page that they are made in.
func pagePolicy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data: blob:; font-src 'self'; " +
		"connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// partPolicy is for the parts of the page: a worker goes by the policy of its own script, not by that of the page.
const partPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// webPage sends the page, each time with another nonce.
func (a *API) webPage(w http.ResponseWriter, r *http.Request) error {
	nonce := newNonce()
	w.Header().Set("Content-Security-Policy", pagePolicy(nonce))
	return web.ServePage(w, r, nonce)
}

func (a *API) webAsset(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", partPolicy)
	if !web.ServeAsset(w, r, r.PathValue(pathKey)) {
		return routeNotFound()
	}
	return nil
}

func (a *API) favicon(w http.ResponseWriter, r *http.Request) error {
	if !web.ServeIcon(w, r) {
		return routeNotFound()
	}
	return nil
}

// newNonce is what nobody can guess who has not seen the page: 16 random bytes, in base64url.
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
