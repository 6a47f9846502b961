package httpapi

import (
	"compress/gzip"
	"io"
	"net/http"

	"espalier.dev/espalier/web"
)

// packedStream is a stream that is compressed where the client takes that.
type packedStream struct {
	*stream
	pack *gzip.Writer // nil: plain
}

// packedWriter is the writer of a stream that is compressed.
type packedWriter struct {
	http.ResponseWriter
	pack io.Writer
}

func (w packedWriter) Write(p []byte) (int, error) { return w.pack.Write(p) }

func (a *API) newPackedStream(w http.ResponseWriter, r *http.Request, contentType string) *packedStream {
	s := &packedStream{stream: a.newStream(w, contentType)}
	w.Header().Add("Vary", "Accept-Encoding")
	if web.AcceptsGzip(r.Header) {
		w.Header().Set("Content-Encoding", "gzip")
		s.pack, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is one that there is
		s.w = packedWriter{w, s.pack}
	}
	return s
}

// push has everything leave that was gathered.
func (s *packedStream) push() error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.pack != nil {
		if err := s.pack.Flush(); err != nil {
			return &sendError{err}
		}
	}
	if err := s.control.Flush(); err != nil {
		return &sendError{err}
	}
	return nil
}

// close ends the answer.
func (s *packedStream) close() error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.pack != nil {
		if err := s.pack.Close(); err != nil {
			return &sendError{err}
		}
	}
	return nil
}
