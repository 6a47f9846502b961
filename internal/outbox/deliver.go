package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// deliver claims one batch and sends it. It answers whether there may be more to claim now. Errors are of the outbox;
// what could not be sent is postponed, or given back at once when the connection is gone.
func (r *Relay) deliver(ctx context.Context) (more bool, err error) {
	if r.unlinked(ctx) {
		return false, nil
	}
	// A claim that is broken off may have been made all the same, and would keep everybody away until its lease ends.
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTimeout)
	claimed, err := r.Outbox.Claim(claiming, r.Now(), r.Lease, r.pace.now)
	cancel()
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	if r.unlinked(ctx) {
		r.giveBack(ctx, claimed)
		return false, nil
	}
	r.metrics.claimed.Add(float64(len(claimed)))
	sent, failed := r.publish(ctx, claimed)
	// What was acknowledged is cleared even when the connection is lost, or the relay is stopped, in the meantime.
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), parkTimeout)
	defer cancel()
	if len(sent) > 0 {
		if err := r.Outbox.Clear(settle, sent); err != nil { // sent again when the lease ends
			r.giveBack(settle, failed)
			return false, err
		}
		r.metrics.sent.Add(float64(len(sent)))
		r.mark.unsaid = true
	}
	if len(failed) == 0 {
		r.sending.over()
		return true, nil
	}
	if r.unlinked(ctx) {
		return false, r.unsent(settle, failed)
	}
	return len(sent) > 0, r.postpone(settle, failed) // a broker that refuses all is not hurried through the backlog
}

// publish sends messages, for each the device's own first, and parts those that were acknowledged whole from the others.
func (r *Relay) publish(ctx context.Context, messages []fleet.Message) (sent, failed []fleet.Message) {
	began, limit := time.Now(), r.Lease*2/3
	sending, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	publications := make([]fleet.Publication, 0, 2*len(messages))
	ends := make([]int, len(messages))
	for i, m := range messages {
		m.Broadcast = m.Broadcast && r.Broadcast
		publications = append(publications, r.Topics.Publications(m)...)
		ends[i] = len(publications)
	}
	errs := r.Publisher.Publish(sending, publications)
	start, late := 0, 0
	var last error
	for i, m := range messages {
		if err := firstOf(errs[start:ends[i]]); err != nil {
			failed, last = append(failed, m), err
			if errors.Is(err, context.DeadlineExceeded) {
				late++
			}
		} else {
			sent = append(sent, m)
		}
		start = ends[i]
	}
	r.pace.sent(len(messages), late, time.Since(began), limit)
	if last != nil {
		r.metrics.failed.Add(float64(len(failed)))
		if !r.unlinked(ctx) {
			r.sending.begin(last)
		}
	}
	return sent, failed
}

// unlinked tells whether the connection is gone, or the relay is to end.
func (r *Relay) unlinked(ctx context.Context) bool {
	select {
	case <-r.lost:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// postpone lets refused messages rest, the longer the oftener they were tried.
func (r *Relay) postpone(ctx context.Context, failed []fleet.Message) error {
	byAttempts := map[int][]fleet.Message{}
	for _, m := range failed {
		byAttempts[m.Attempts] = append(byAttempts[m.Attempts], m)
	}
	for attempts, messages := range byAttempts {
		if err := r.Outbox.Postpone(ctx, messages, r.Now().Add(r.backoff(attempts))); err != nil {
			return err
		}
	}
	return nil
}

// unsent gives back what was on its way when the connection ended, to be sent at once over the next. Some brokers answer
// a message that they do not allow by ending the connection: the one that was next to be acknowledged rests where that
// happens to it again, or it would be first the next time too, and nothing behind it would ever be sent.
func (r *Relay) unsent(ctx context.Context, failed []fleet.Message) error {
	if first := failed[0]; first.Attempts > 1 {
		if err := r.postpone(ctx, failed[:1]); err != nil {
			return err
		}
		failed = failed[1:]
	}
	return r.Outbox.Postpone(ctx, failed, r.Now())
}

// backoff is RetryMin doubled with each try after the first, at most RetryMax, less up to a quarter at random.
func (r *Relay) backoff(attempts int) time.Duration {
	d := r.RetryMin
	for i := 1; i < attempts && d < r.RetryMax; i++ {
		d *= 2
	}
	d = min(d, r.RetryMax)
	return d - rand.N(d/4+1)
}

// giveBack makes claims due at once. Where even that fails they become due when the lease ends.
func (r *Relay) giveBack(ctx context.Context, messages []fleet.Message) {
	if len(messages) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parkTimeout)
	defer cancel()
	if err := r.Outbox.Postpone(ctx, messages, r.Now()); err != nil {
		r.Logger.Debug("claimed messages were not given back; they wait for the end of their lease", "error", err)
	}
}
