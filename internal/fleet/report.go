package fleet

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reporter takes what a device reports.
type Reporter interface {
	// Report keeps evidence before it returns, whose Revision is known. Errors: TOO_MANY_REQUESTS, where the device
	// reports more often than any needs to.
	Report(ctx context.Context, e Evidence) error
}

// The bounds of a report, in characters.
const (
	maxReportCode    = 64
	maxReportPath    = 512
	maxReportMessage = 1000
)

// Report takes a device's word on a revision of its document, named by its number or, where that is 0, by its ETag.
// Errors: INVALID_OPERATION (the MAC address), VALIDATION_FAILED with the field (rev, etag, status, code, path, message,
// firmware), RECORD_NOT_FOUND (no such configuration, or a revision that never was), TOO_MANY_REQUESTS.
func (s *Service) Report(ctx context.Context, mac string, rev int64, etag string, r DeviceReport, address string) error {
	key, err := ParseMAC(mac)
	if err != nil {
		return invalidMAC("report on", mac)
	}
	if err := r.Check(); err != nil {
		return err
	}
	e := Evidence{MAC: key, Kind: EvidenceReported, Revision: rev, ETag: bareETag(etag), At: s.timestamp(), Address: address, Report: &r}
	switch {
	case rev < 0:
		return Invalid("rev", "must be the number of a revision, from 1")
	case rev == 0 && e.ETag == "":
		return Invalid("rev", "or etag must say which revision the report is about")
	case s.reporter == nil:
		return Unavailable(nil)
	}
	err = s.store.View(ctx, func(ctx context.Context, tx ReadTx) error { return locate(ctx, tx, &e) })
	if err != nil {
		return err
	}
	if err := s.reporter.Report(ctx, e); err != nil {
		return err
	}
	s.notice()
	return nil
}

// locate finds the revision that a report is about. One that names bytes which the device has had more than once means the
// newest time that it is known to have had them: a report that comes late must not speak of a later one. What the device
// showed and is not written yet counts too (see Device.Take).
func locate(ctx context.Context, tx ReadTx, e *Evidence) error {
	if _, err := tx.ConfigByMAC(ctx, e.MAC); err != nil {
		return err
	}
	if e.Revision > 0 {
		found, err := tx.Revision(ctx, e.MAC, e.Revision)
		if err != nil {
			return err
		}
		etag := ETag(found.SHA256)
		if found.Gone() || e.ETag != "" && e.ETag != etag {
			return NoRevision(e.MAC, e.Revision)
		}
		e.ETag, e.Numbered = etag, true
		return nil
	}
	d, err := tx.Device(ctx, e.MAC)
	if err != nil {
		return err
	}
	if d.Has.Revision > 0 {
		e.Revision, err = tx.RevisionByETag(ctx, e.MAC, e.ETag, d.Has.Revision)
		if CodeOf(err) != CodeNotFound {
			return err
		}
	}
	e.Revision, err = tx.RevisionByETag(ctx, e.MAC, e.ETag, 0)
	return err
}

// bareETag is an entity tag without what a header has around it.
func bareETag(tag string) string {
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
}

// Check tells what is wrong with the texts of a report: VALIDATION_FAILED with the field (code, path, message, firmware).
func (r DeviceReport) Check() error {
	for _, f := range []struct {
		name, text string
		most       int
	}{{"code", r.Code, maxReportCode}, {"path", r.Path, maxReportPath}, {"message", r.Message, maxReportMessage}, {"firmware", r.Firmware, maxReportCode}} {
		if !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0) || f.name != "message" && strings.ContainsFunc(f.text, unicode.IsControl) {
			return Invalid(f.name, "must be text in UTF-8 without control characters")
		}
		if n := utf8.RuneCountInString(f.text); n > f.most {
			return Invalid(f.name, fmt.Sprintf("has %d characters, and at most %d are allowed", n, f.most))
		}
	}
	return nil
}
