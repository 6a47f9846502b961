package fleet

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxBlamed bounds what a Blame takes to tell, in bytes. Each value repeats the keys above it, so that a document with long keys
// around many values could take some thousand times its size. With paths of usual length it is enough for 30,000 values.
const maxBlamed = 4 << 20

// blamedRest is what there is to tell of a value besides its path, in bytes.
const blamedRest = 100

var pointerName = strings.NewReplacer("~", "~0", "/", "~1") //nolint:gochecknoglobals // constant

// plenty is the room of a value that is known to have enough.
const plenty = math.MaxInt

// rooms divides the room of a value among those that are in it, and answers false where there is not enough to name each of
// them. at is how long the path of the value is. Those that need least get what they need; the rest share alike.
func rooms(n node, at, room int) ([]int, bool) {
	if room == plenty {
		return slices.Repeat([]int{plenty}, n.len()), true
	}
	whole, needs, needed, left := make([]int, n.len()), make([]int, n.len()), 0, room
	order := make([]int, n.len())
	for i := range order {
		order[i] = i
		child, step := n.under(i)
		whole[i] = at + step + blamedRest
		needs[i] = child.need(at + step)
		needed += needs[i]
		left -= whole[i]
	}
	if needed <= room {
		return rooms(n, at, plenty)
	}
	if left < 0 {
		return nil, false
	}
	slices.SortFunc(order, func(a, b int) int { return needs[a] - whole[a] - needs[b] + whole[b] })
	for k, i := range order {
		more := min(needs[i]-whole[i], left/(len(order)-k))
		left -= more
		if whole[i] += more; whole[i] == needs[i] {
			whole[i] = plenty
		}
	}
	return whole, true
}

// need is the room for all of a value, whose path is as long as at.
func (n node) need(at int) int {
	if n.len() == 0 {
		return at + blamedRest
	}
	sum := 0
	for i := range n.len() {
		child, step := n.under(i)
		sum += child.need(at + step)
	}
	return sum
}

// under is the i-th value in a value, and how much it adds to the path.
func (n node) under(i int) (held node, step int) {
	if n.kind == '[' {
		return n.elements[i], 1 + len(strconv.Itoa(i))
	}
	m := n.members[i]
	return m.value, 1 + len(m.name) + strings.Count(m.name, "~") + strings.Count(m.name, "/")
}
