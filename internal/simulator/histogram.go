package simulator

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	subBuckets = 64 // of each power of two: a bucket is 1.6% wide at most
	subBits    = 6
	powers     = 40 // up to 2^45 ns·16, which is hours
	unit       = 16 * time.Nanosecond
)

// histogram counts durations in a fixed amount of memory. It is safe for concurrent use.
type histogram struct {
	buckets [(powers + 1) * subBuckets]atomic.Int64
	most    atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)].Add(1)
	for {
		most := h.most.Load()
		if int64(d) <= most || h.most.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

func bucketOf(d time.Duration) int {
	v := uint64(d / unit)
	power := max(bits.Len64(v)-subBits, 0)
	if power > powers-1 {
		return len(histogram{}.buckets) - 1
	}
	if power == 0 {
		return int(v)
	}
	return power*subBuckets + int(v>>(power-1)) - subBuckets
}

// upper is the largest duration of a bucket.
func upper(bucket int) time.Duration {
	power := bucket/subBuckets - 1
	if power < 1 {
		return time.Duration(bucket+1)*unit - 1
	}
	return time.Duration((uint64(bucket%subBuckets)+subBuckets+1)<<power)*unit - 1
}

// quantile is the duration that a part q of those counted does not exceed, at most 1.6% too long; 0 where nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	var total int64
	counts := make([]int64, len(h.buckets))
	for i := range h.buckets {
		counts[i] = h.buckets[i].Load()
		total += counts[i]
	}
	if total == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(total))), 1)
	most := time.Duration(h.most.Load())
	for i, n := range counts {
		if rank -= n; rank <= 0 && i < len(counts)-1 {
			return min(upper(i), most)
		}
	}
	return most
}
