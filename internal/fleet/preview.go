package fleet

import "context"

// Preview is what Patch would make of a configuration now, in the place of its content; nothing is written. before is the
// configuration as it is, with its content; the bytes are the same where Patch would make no revision. Errors: as Patch.
func (s *Service) Preview(ctx context.Context, id int64, patch []byte, a Attempt) (before Config, after []byte, err error) {
	if err := a.check(); err != nil {
		return Config{}, nil, err
	}
	before, change, err := s.patched(ctx, writing{s: s, attempt: a}, id, patch)
	return before, change.Document.Text, err
}
