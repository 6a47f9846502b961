// Package simulator is a fleet to try a server with: it acts as any number of firmwares, and proves from outside, by
// what a device could see, that each was told of every change and got a document at least as new as it was told.
//
// It may import package client and the MQTT packet library, and nothing else of ours: what it proves must not rest on
// the code that it judges. Start reading at [Run], which is the whole course of a simulation; a device is in
// device.go, the verdict on what it gets in judge.go, and the proof at the end in proof.go.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	living, stopLife := context.WithCancel(whole)
	for _, d := range s.devices {
		s.live.Go(func() { d.run(living) })
	}
	err := s.course(ctx, whole)
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
		if s.o.Churn > 0 {
			s.churn(running, whole)
		}
		<-running.Done()
		if s.o.Churn > 0 && s.stats.changes.Load() == 0 {
			s.fail(errors.New("no document could be changed"))
		}
	}
	s.phase.Store("proving")
	s.prove(whole)
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
