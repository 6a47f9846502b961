package mqttclient

import (
	"io"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/testenv"
)

func TestFailureSaysWhyThereIsNoConnection(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: username, Password: password})
	wrong := optionsFor(b.Address(), io.Discard)
	wrong.Password = "marker"
	refused := start(t, wrong)
	testenv.WaitFor(t, patience, func() bool { return strings.Contains(refused.Failure(), "refused the connection") })
	if strings.Contains(refused.Failure(), "marker") {
		t.Errorf("the failure tells the password: %s", refused.Failure())
	}
	c := connected(t, optionsFor(b.Address(), io.Discard))
	testenv.WaitFor(t, patience, func() bool { return c.Failure() == "" })
	b.Stop(t)
	testenv.WaitFor(t, patience, func() bool { return strings.Contains(c.Failure(), "connection refused") })
	b.Start(t)
	testenv.WaitFor(t, patience, func() bool { return c.Up() && c.Failure() == "" })
}
