package httpapi

import (
	"context"
	"testing"

	"espalier.dev/espalier/internal/fleet"
)

// Contents implements fleet.ReadTx.
func (t memoryTx) Contents(_ context.Context, mac fleet.MAC, first, last int64) (map[int64][]byte, error) {
	found := map[int64][]byte{}
	for _, r := range t.m.revisions[mac] {
		if r.Number >= first && r.Number <= last {
			found[r.Number] = r.Content
		}
	}
	return found, nil
}

func TestBlame(t *testing.T) {
	f := newFixture(t)
	f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"a":1,"b":{"c":"x","d":[]},"e":[1,2]}}`).want(t, 201)
	f.with(map[string]string{"X-Change-Message": "why"}, "PATCH", "/api/configs/1", `{"content":{"b":{"c":"y"}}}`).want(t, 200)
	t.Log(f.get("/api/configs/1/blame").want(t, 200).body)
	t.Log(f.send("POST", "/api/configs/1/preview", `{"content":{"b":{"c":"z"}}}`).want(t, 200).body)
	f.send("POST", "/api/configs/2/preview", `{"content":{"b":{"c":"z"}}}`).want(t, 404)
}
