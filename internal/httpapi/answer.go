package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// replayedHeader says that an answer is the one that an earlier request with the same key got.
const replayedHeader = "Idempotent-Replayed"

// answered is the whole answer to a write, so that it can be kept and given again.
type answered struct {
	status         int
	location, etag string
	body           []byte
}

// answerForm is the first line of an answer that is kept: a server that finds another does not guess.
const answerForm = "espalier answer 1"

var errAnswerForm = errors.New("the answer that is kept under the idempotency key is of another version of this program")

// configAnswer is the answer with one configuration.
func configAnswer(status int, c fleet.Config) answered {
	a := answered{status: status, etag: revisionTag(c.Revision), body: appendConfig(nil, c, true)}
	if status == http.StatusCreated {
		a.location = "/api/configs/" + strconv.FormatInt(c.ID, 10)
	}
	return a
}

// encode writes an answer as it is kept: four lines, and the body behind them.
func (a answered) encode() []byte {
	head := strings.Join([]string{answerForm, strconv.Itoa(a.status), a.location, a.etag}, "\n") + "\n"
	return append([]byte(head), a.body...)
}

func decodeAnswer(text []byte) (a answered, err error) {
	lines := bytes.SplitN(text, []byte{'\n'}, 5)
	if len(lines) < 5 || string(lines[0]) != answerForm {
		return answered{}, fleet.Internal(errAnswerForm)
	}
	a = answered{location: string(lines[2]), etag: string(lines[3]), body: lines[4]}
	if a.status, err = strconv.Atoi(string(lines[1])); err != nil {
		return answered{}, fleet.Internal(errAnswerForm)
	}
	return a, nil
}

// repeatable reads the Idempotency-Key of a request, whose body has that hash; nil without one. render makes the answer of
// what the write returns.
//
// A key means one request: its method, path, query, media type and body. Who sends it is not a part of that. All who may
// write may do and read the same, and a client that tries again may come by another way: from the server's own machine
// first, and with the token then.
func repeatable[T any](r *http.Request, body [sha256.Size]byte, render func(T) answered) (*fleet.Once, error) {
	values := r.Header[idempotencyKeyHeader]
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fleet.Invalid(idempotencyKeyHeader, "must be given once")
	}
	return &fleet.Once{Key: values[0], Fingerprint: fingerprint(r, body),
		Encode: func(result any) []byte { return render(result.(T)).encode() }}, nil
}

func fingerprint(r *http.Request, body [sha256.Size]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/") // the list has two spellings
	for _, part := range []string{r.Method, path, r.URL.RawQuery, r.Header.Get("Content-Type"), string(body[:])} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Sum(sum[:0])
	return sum
}

// sendAnswer sends the answer to a write: that of the first request with the same key where it was done before, else fresh.
func sendAnswer(w http.ResponseWriter, once *fleet.Once, fresh func() answered) error {
	var a answered
	if once != nil && once.Replayed != nil {
		var err error
		if a, err = decodeAnswer(once.Replayed); err != nil {
			return err
		}
		w.Header().Set(replayedHeader, "true")
	} else {
		a = fresh()
	}
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	return sendJSON(w, a.status, a.body)
}
