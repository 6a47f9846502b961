package httpapi

import (
	"crypto/sha256"
	"net/http"

	"espalier.dev/espalier/internal/fleet"
)

// importSample imports the fleet to try things with. A device that has a configuration keeps it.
func (a *API) importSample(w http.ResponseWriter, r *http.Request) error {
	at, err := attempt(w, r)
	if err != nil {
		return err
	}
	render := func(done fleet.Report) answered {
		return answered{status: http.StatusOK, body: appendReport(nil, done)}
	}
	if at.Once, err = repeatable(r, sha256.Sum256(nil), render); err != nil {
		return err
	}
	done, err := a.service.Import(r.Context(), a.sample(), fleet.ImportOptions{OnConflict: fleet.ConflictSkip}, at)
	if err != nil {
		return err
	}
	if at.Once == nil || at.Once.Replayed == nil {
		a.noteImport(w.(*exchange), r, done)
	}
	return sendAnswer(w, at.Once, func() answered { return render(done) })
}
