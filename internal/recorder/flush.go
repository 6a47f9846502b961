package recorder

import (
	"bytes"
	"context"
	"slices"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// item is a piece of evidence on its way to the store, and the report that waits for it, if one does.
type item struct {
	evidence fleet.Evidence
	report   *waiting
}

// flush writes what is due, or everything that waits, in as few transactions as can take it. What was not written is put
// back.
func (r *Recorder) flush(ctx context.Context, wanted func(*shown) bool) error {
	var items []item
	for i := range r.devices {
		items = r.devices[i].take(wanted, items)
	}
	slices.SortStableFunc(items, func(a, b item) int { return bytes.Compare(a.evidence.MAC[:], b.evidence.MAC[:]) })
	return r.write(ctx, items)
}

// flushReports writes the reports that wait, each behind what else its device showed.
func (r *Recorder) flushReports(ctx context.Context) {
	var items []item
	for _, w := range r.reports.take() {
		items = r.devices.of(w.evidence.MAC).takeOf(w.evidence.MAC, items)
		items = append(items, item{w.evidence, w})
	}
	_ = r.write(ctx, items) // whoever waits is told, and the log
}

// write writes items in their order. Of those that could not be written, reports are answered with the error, for
// their devices to try again, and the rest waits for the next flush.
func (r *Recorder) write(ctx context.Context, items []item) (failure error) {
	if len(items) == 0 {
		return nil
	}
	var kept []item
	for len(items) > 0 {
		part := items[:min(len(items), mostRows)]
		left, err := salvage(ctx, part, r.record, r.spoiled)
		kept, items = append(kept, left...), items[len(part):]
		if err != nil {
			failure = err
			kept, items = append(kept, items...), nil
		}
	}
	if failure != nil {
		waits := kept[:0]
		for _, i := range kept {
			if i.report == nil {
				waits = append(waits, i)
				continue
			}
			r.unwritten(i.report, failure)
		}
		r.metrics.dropped.Add(float64(r.devices.restore(waits)))
	}
	r.trouble.tell("what devices showed", failure, r.options.Now())
	return failure
}

// record is one transaction.
func (r *Recorder) record(ctx context.Context, items []item) error {
	evidence := make([]fleet.Evidence, len(items))
	for i, one := range items {
		evidence[i] = one.evidence
		evidence[i].At = one.evidence.At.UTC().Truncate(time.Microsecond)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	began := time.Now()
	if err := r.options.Witness.Record(ctx, evidence); err != nil {
		return err
	}
	r.sweep.spent(time.Since(began), len(evidence))
	r.metrics.flushes.Inc()
	for _, one := range items {
		if one.report != nil {
			one.report.done <- nil
		}
	}
	r.options.Recorded()
	return nil
}

// spoiled gives up evidence that the database refuses while it takes others'.
func (r *Recorder) spoiled(one item, err error) {
	r.options.Logger.Error("the database refuses what a device showed; it is dropped", "mac", one.evidence.MAC.String(),
		"kind", string(one.evidence.Kind), "error", err)
	r.metrics.dropped.Inc()
	if one.report != nil {
		r.unwritten(one.report, err)
	}
}

// mostTries bounds how often a batch is cut to find what spoils it.
const mostTries = 64

// salvage writes a batch. Where the database refuses it for another reason than being away, it is cut in halves until what
// it refuses is alone, and that is given to spoiled, so that one bad row cannot hold the others up for ever. Where nothing at
// all can be written it is no row's fault. left is what was not written for an error of the database, in its order.
func salvage[T any](ctx context.Context, batch []T, write func(context.Context, []T) error, spoiled func(T, error)) (left []T, failure error) {
	type refusal struct {
		one T
		err error
	}
	var refused []refusal
	written := false
	for work, tries := [][]T{batch}, 1; len(work) > 0; tries++ {
		part := work[len(work)-1]
		work = work[:len(work)-1]
		err := write(ctx, part)
		switch {
		case err == nil:
			written = true
		case fleet.CodeOf(err) == fleet.CodeUnavailable || ctx.Err() != nil || tries >= mostTries:
			left, failure = append(left, part...), err
			for len(work) > 0 {
				left, work = append(left, work[len(work)-1]...), work[:len(work)-1]
			}
		case len(part) == 1:
			refused = append(refused, refusal{part[0], err})
		default:
			work = append(work, part[len(part)/2:], part[:len(part)/2])
		}
	}
	for _, each := range refused {
		if written {
			spoiled(each.one, each.err)
		} else {
			left, failure = append(left, each.one), each.err
		}
	}
	return left, failure
}
