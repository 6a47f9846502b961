package fleet

// MergePatch applies a JSON Merge Patch (RFC 7396) to the text of a document. What the patch does not name keeps its text:
// order, spacing, number literals. A patch that changes nothing gives the same bytes. Errors: VALIDATION_FAILED (the patch is
// not one JSON object, or not one that a document could be).
func MergePatch(text, patch []byte) ([]byte, error) {
	panic("MergePatch is being written")
}
