package httpapi

import (
	"net/http"
	"testing"
)

func TestSmoke(t *testing.T) {
	f := newFixture(t)
	t.Log(f.get("/api/configs"))
	t.Log(f.send("POST", "/api/configs", `{"mac_address":"AA-BB-CC-DD-EE-FF","content": {"deviceName" : "x<y>" } }`).want(t, 201))
	t.Log(f.get("/api/configs"))
	t.Log(f.get("/api/configs/1").want(t, 200))
	t.Log(f.get("/api/configs/aabbccddeeff.json").want(t, 200))
	t.Log(f.get("/api/configs/aa%3Abb:cc:dd:ee:ff.json").want(t, 200))
	t.Log(f.get("/esp32/config/aabb.ccdd.eeff.json").want(t, 200))
	t.Log(f.get("/api/configs/x.json").want(t, 400))
	t.Log(f.get("/api/configs/abc").want(t, 404))
	t.Log(f.send(http.MethodPatch, "/api/configs/1", "").want(t, 405))
	t.Log(f.send("PUT", "/api/configs/1", `{"content":"{\"a\":1} "}`).want(t, 200))
	t.Log(f.get("/api/health").want(t, 200))
	t.Log(f.get("/readyz").want(t, 200))
	t.Log(f.get("/metrics").want(t, 200))
	t.Log(f.get("/api/docs").want(t, 200))
	t.Log(f.get("/api/export").want(t, 200))
	t.Log(f.send("DELETE", "/api/configs/1", "").want(t, 204))
	t.Log(f.log)
	t.Log(string(f.OpenAPI()))
}
