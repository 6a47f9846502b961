// Package simulator is a fleet to try a server with: it acts as any number of firmwares, and proves from outside, by
// what a device could see, that each was told of every change and got a document at least as new as it was told.
//
// It may import package client and the MQTT packet library, and nothing else of ours: what it proves must not rest on
// the code that it judges. Start reading at [Run], which is the whole course of a simulation; a device is in
// device.go, what it says of itself in firmware.go, the verdict on what it gets in judge.go, and the proof at the end in
// proof.go. What a server can know of a device, and so what its API must show, is in truth.go, and the comparison in
// standing.go.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Listen says which of a server's two topics a firmware subscribes to.
type Listen string

// The choices. ListenMixed is a fleet as the field has it: three devices of four listen to the broadcast only, and
// the fourth to its own retained message only.
const (
	ListenMixed     Listen = "mixed"
	ListenBroadcast Listen = "broadcast"
	ListenRetained  Listen = "retained"
	ListenBoth      Listen = "both"
)

// Options are the choices of a simulation.
type Options struct {
	// ServerURL is where the server answers, http://host:port. Several, with commas between, are servers of one fleet:
	// devices and changes are spread over them. Devices have no need of https, but it is understood.
	ServerURL string
	// Token is the server's ADMIN_TOKEN; from the loopback address none is needed.
	Token string
	// MQTTURL is the broker, mqtt://host[:1883] or mqtts://host[:8883]. "" and "off" mean none: devices then poll.
	MQTTURL                    string
	MQTTUsername, MQTTPassword string
	// TopicPrefix is the first level of every topic; "" is iotsupport.
	TopicPrefix string
	// Devices is how many firmwares there are. They take the MAC addresses of configurations that exist, and
	// what is lacking is made for the time of the run. With Churn at least half are made.
	Devices int
	// Duration is how long the run takes, the proof at its end not counted; 0 lasts until ctx ends.
	Duration time.Duration
	// Churn is how many documents a second are changed. Only configurations that this run made are.
	Churn float64
	// Listen is the topic that devices subscribe to; "" is ListenMixed.
	Listen Listen
	// Firmware is what devices run whose configuration the run made; "" is FirmwareMixed. Others run FirmwarePlain.
	Firmware Firmware
	// Restarts is how many devices a second lose their power for a moment.
	Restarts float64
	// LoseReports is the fraction of reports that get lost before they are sent.
	LoseReports float64
	// Check is how often the API is compared with what is true while the run lasts; 0 is at its end only.
	Check time.Duration
	// BootOnly has devices fetch when they start and when they are told, and not when they connect again.
	BootOnly bool
	// Bound is how soon a device must have what was changed, counted from when the change was acknowledged, the device
	// was subscribed and nothing failed to answer, whichever was last. 0 is 10 s.
	Bound time.Duration
	// Poll is how often devices fetch where there is no MQTT; 0 is 5 s. It is added to Bound.
	Poll time.Duration
	// Keep leaves the configurations that the run made in place.
	Keep bool
	// Templates are the documents that made devices get copies of; none is a small one of our own.
	Templates [][]byte
	// Seed makes the choices of a run repeatable; 0 is a different one each time.
	Seed uint64
	// Out gets the report: a table that is redrawn once a second where Terminal is set, else a line now and then, and
	// with JSON a line of JSON each second. nil writes nothing.
	Out      io.Writer
	JSON     bool
	Terminal bool

	// single leaves bursts out, so that a test knows which change a fault hits and that none follows to hide it.
	single bool
	// unflushed is how long before a crash a server may have been told what it forgets.
	unflushed time.Duration
}

// Run simulates a fleet until o.Duration is over or ctx ends, and then proves that each device holds the newest
// document, which takes a few times o.Bound at most. The configurations that it made are gone when it returns.
//
// What it found is in the result, and [Result.OK] says whether that is well. An error means that there could be no
// simulation: bad options ([OptionsError]), a server that cannot be reached or refuses. It may come beside a result, when configurations
// that the run made could not be removed.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.complete(); err != nil {
		return Result{}, &OptionsError{err}
	}
	s, err := newSimulation(o)
	if err != nil {
		return Result{}, &OptionsError{err}
	}
	// An interrupt ends the run early, and neither the proof nor the cleaning up.
	whole, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	err = s.enlist(ctx)
	if err == nil {
		err = s.simulate(ctx, whole)
	}
	if clean := s.dismiss(whole); clean != nil {
		err = errors.Join(err, fmt.Errorf("remove the simulated devices: %w", clean))
	}
	if s.found.Phase == "done" {
		s.report.final(s.found)
	}
	return s.found, err
}

// simulate lets devices live under whole, churns until ctx or the duration ends, and proves.
func (s *simulation) simulate(ctx, whole context.Context) error {
	s.began = time.Now()
	reporting, stopReport := context.WithCancel(whole)
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		s.report.run(reporting, s)
	}()
	watching, stopWatch := context.WithCancel(whole)
	defer stopWatch()
	var watchers sync.WaitGroup
	for i := range s.servers {
		watchers.Go(func() { s.pulse(watching, i) })
	}
	if len(s.made) > 0 {
		s.check.settle(ctx) // nothing is known of any
	}
	if s.o.Check > 0 {
		watchers.Go(func() { s.check.run(watching) })
	}
	living, stopLife := context.WithCancel(whole)
	for _, d := range s.devices {
		s.live.Go(func() { d.run(living) })
	}
	err := s.course(ctx, whole)
	stopWatch()
	watchers.Wait()
	stopLife()
	s.live.Wait()
	stopReport()
	<-reported
	return err
}

func (s *simulation) course(ctx, whole context.Context) error {
	running, cancel := ctx, context.CancelFunc(func() {})
	if s.o.Duration > 0 {
		running, cancel = context.WithTimeout(ctx, s.o.Duration)
	}
	defer cancel()
	if s.awaitFleet(running) {
		s.phase.Store("running")
		var restarting sync.WaitGroup
		if s.o.Restarts > 0 {
			restarting.Go(func() { s.restarts(running) })
		}
		if s.o.Churn > 0 {
			s.churn(running, whole)
		}
		if s.fatal() != nil {
			cancel()
		}
		restarting.Wait()
		<-running.Done()
		if s.o.Churn > 0 && s.stats.changes.Load() == 0 {
			s.fail(errors.New("no document could be changed"))
		}
	}
	s.phase.Store("proving")
	s.prove(whole)
	if len(s.made) > 0 {
		s.proveStandings(whole)
	}
	s.phase.Store("done")
	s.found = s.result()
	return s.fatal()
}

// awaitFleet waits until every device is up, so that no change comes before somebody can hear of it.
func (s *simulation) awaitFleet(ctx context.Context) bool {
	return await(ctx, func() bool {
		for _, d := range s.devices {
			if !d.up() {
				return false
			}
		}
		return true
	})
}

// await asks now and then whether done is so, until it is or ctx ends.
func await(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return done()
		case <-tick.C:
		}
	}
	return true
}

// pause waits, and answers false where ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
