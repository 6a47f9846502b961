package mqttclient

import (
	"io"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/testenv"
)

func TestProblemSaysWhyThereIsNoConnection(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: username, Password: password})
	wrong := optionsFor(b.Address(), io.Discard)
	wrong.Password = "marker"
	refused := start(t, wrong)
	testenv.WaitFor(t, patience, func() bool { return strings.Contains(refused.Problem(), "refused the connection") })
	if strings.Contains(refused.Problem(), "marker") {
		t.Errorf("the problem tells the password: %s", refused.Problem())
	}
	c := connected(t, optionsFor(b.Address(), io.Discard))
	testenv.WaitFor(t, patience, func() bool { return c.Problem() == "" })
	b.Stop(t)
	testenv.WaitFor(t, patience, func() bool { return strings.Contains(c.Problem(), "connection refused") })
	b.Start(t)
	testenv.WaitFor(t, patience, func() bool { return c.Up() && c.Problem() == "" })
}
