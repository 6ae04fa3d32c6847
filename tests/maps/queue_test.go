package maps_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// A line says what the kernel does with a queue or a stack: the oldest element is the first.
type waiting struct {
	spec maps.Spec
	line [][]byte
}

func (q *waiting) push(value []byte, flags uint64) unix.Errno {
	switch full := len(q.line) == int(q.spec.MaxEntries); {
	case flags&maps.NoExist != 0 || flags > maps.Exist:
		return unix.EINVAL
	case full && flags != maps.Exist:
		return unix.E2BIG
	case full:
		q.line = q.line[1:]
	}
	q.line = append(slices.Clone(q.line), bytes.Clone(value))
	return 0
}

// next is the place of what is popped first.
func (q *waiting) next() int {
	if q.spec.Type == maps.Stack {
		return len(q.line) - 1
	}
	return 0
}

func (q *waiting) take(removes bool) ([]byte, unix.Errno) {
	if len(q.line) == 0 {
		return make([]byte, q.spec.ValueSize), unix.ENOENT
	}
	i := q.next()
	value := q.line[i]
	if removes {
		q.line = slices.Delete(slices.Clone(q.line), i, i+1)
	}
	return value, 0
}

// order is what All yields: what is popped first comes first.
func (q *waiting) order() [][]byte {
	list := slices.Clone(q.line)
	if q.spec.Type == maps.Stack {
		slices.Reverse(list)
	}
	return list
}

func elements(m *maps.Map) (out [][]byte) {
	for _, values := range m.All() {
		out = append(out, values[0])
	}
	return out
}

var nokey = make([]byte, 8) // testdata/serve.c wants as much as the file has

var queues = []maps.Spec{
	{Type: maps.Queue, ValueSize: 8, MaxEntries: 5},
	{Type: maps.Queue, ValueSize: 13, MaxEntries: 1},
	{Type: maps.Queue, ValueSize: 1, MaxEntries: 64, Flags: maps.ZeroSeed},
	{Type: maps.Queue, ValueSize: 300, MaxEntries: 33},
	{Type: maps.Stack, ValueSize: 8, MaxEntries: 5},
	{Type: maps.Stack, ValueSize: 3, MaxEntries: 1},
	{Type: maps.Stack, ValueSize: 40, MaxEntries: 100},
}

// TestQueues: the same operations by C, under several leases, and by Go, on one file, with the results of a model.
func TestQueues(t *testing.T) {
	rounds := 1500
	if os.Getenv(torture) != "" {
		rounds = 30_000
	}
	for _, spec := range queues {
		t.Run(fmt.Sprint(spec.Type, spec.ValueSize, spec.MaxEntries), func(t *testing.T) {
			t.Parallel()
			path := makeMap(t, spec)
			c, g, q := serve(t, makeSession(t), path, spec, sanitized...), openWriter(t, path), &waiting{spec: spec}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 6))
			for i := range rounds {
				queueStep(t, c, g, q, r)
				if t.Failed() {
					t.Fatalf("step %d", i)
				}
			}
			auditFile(t, path).atRest(t)
		})
	}
}

func queueStep(t *testing.T, c *server, g *maps.Map, q *waiting, r *rand.Rand) {
	t.Helper()
	value, flags, lease := randomBytes(r, q.spec.ValueSize), []uint64{0, 0, 0, 2, 2, 1, 3, 4, 1 << 40}[r.IntN(9)], r.IntN(abi.SESSION_NLEASES)
	op, byC := []int{opPush, opPush, opPop, opPop, opPeek}[r.IntN(5)], r.IntN(3) > 0
	if r.IntN(200) > 150 { // now and then it runs full, or empty
		op = []int{opPush, opPop}[r.IntN(2)]
	}
	var want, got unix.Errno
	var wantValue, gotValue []byte
	if op == opPush {
		want = q.push(value, flags)
	} else {
		wantValue, want = q.take(op == opPop)
	}
	switch {
	case byC:
		n, v, err := c.ask(op, lease, nokey, value, flags)
		if err != nil {
			t.Fatal(err)
		}
		if got = unix.Errno(-n); op != opPush {
			gotValue = v
		}
	case op == opPush:
		got = errnoOf(t, g.Push(value, flags))
	default:
		get := g.Pop
		if op == opPeek {
			get = g.Peek
		}
		v, err := get()
		if gotValue, got = v, errnoOf(t, err); err != nil {
			gotValue = wantValue
		}
	}
	if got != want || !bytes.Equal(gotValue, wantValue) {
		t.Errorf("operation %d by C %v, flags %#x: %v with %x, want %v with %x", op, byC, flags, got, gotValue, want, wantValue)
	}
	if list := elements(g); !slices.EqualFunc(list, q.order(), bytes.Equal) {
		t.Errorf("behind operation %d (by C: %v): %x, want %x", op, byC, list, q.order())
	}
}

// TestQueueErrors: what is none, and what has no keys.
func TestQueueErrors(t *testing.T) {
	spec := queues[0]
	path := makeMap(t, spec)
	c, g := serve(t, makeSession(t), path, spec), openWriter(t, path)
	for _, op := range []int{opUpdate, opDelete} {
		if errno := c.do(op, 1, nokey, make([]byte, 8), 0); errno != 524 {
			t.Errorf("operation %d with a key: %v", op, errno)
		}
	}
	if _, found := c.lookup(1, nokey); found {
		t.Error("a program looked an element up")
	}
	if err := g.Update(nil, make([]byte, 8), maps.Any); err != nil || len(elements(g)) != 1 {
		t.Errorf("update without a key: %v", err)
	}
	if _, err := g.NextKey(nil); errnoOf(t, err) != unix.EINVAL {
		t.Errorf("next key: %v", err)
	}
	if _, err := g.LookupBatch(&maps.Cursor{}, 3); errnoOf(t, err) != 524 {
		t.Errorf("batch: %v", err)
	}
	if v, err := g.LookupAndDelete(nil); err != nil || len(v) != 1 || len(elements(g)) != 0 {
		t.Errorf("lookup and delete: %x, %v", v, err)
	}
	if errno := errnoOf(t, g.Delete(nil)); errno != unix.EINVAL {
		t.Errorf("delete: %v", errno)
	}
	for _, s := range []maps.Spec{
		{Type: maps.Queue, KeySize: 4, ValueSize: 8, MaxEntries: 1}, {Type: maps.Queue, MaxEntries: 1}, {Type: maps.Stack, ValueSize: 8},
		{Type: maps.Stack, ValueSize: 8, MaxEntries: 1 << 20}, {Type: maps.BloomFilter, ValueSize: 8, MaxEntries: 8, Extra: 16},
		{Type: maps.BloomFilter, KeySize: 8, ValueSize: 8, MaxEntries: 8},
	} {
		if s.Check() == nil {
			t.Errorf("%+v is a definition", s)
		}
	}
	hash := maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 4}
	h := serve(t, makeSession(t), makeMap(t, hash), hash)
	for _, op := range []int{opPush, opPop, opPeek} {
		if errno := h.do(op, 1, nokey, make([]byte, 8), 0); errno != 524 {
			t.Errorf("operation %d on a hash: %v", op, errno)
		}
	}
}

// TestQueueKilledAnywhere: a process is killed behind every instruction of an operation. It has happened or not, nothing
// else changed, and the room is found again: by the next holder of its lease, and by whoever needs it.
func TestQueueKilledAnywhere(t *testing.T) {
	for _, typ := range []maps.Type{maps.Queue, maps.Stack} {
		spec := maps.Spec{Type: typ, ValueSize: 16, MaxEntries: 4, Flags: maps.ZeroSeed}
		for in := range 5 {
			for _, op := range []operation{{"push", followed, nil, val(50), 0}, {"push", followed, nil, val(50), maps.Exist}, {"pop", followed, nil, nil, 0}} {
				if in == 0 && op.op == "pop" || in == 4 && op.op == "push" && op.flags == 0 {
					continue // fails
				}
				t.Run(fmt.Sprint(typ, " of ", in, " ", op.op, op.flags), func(t *testing.T) { killedInQueue(t, spec, in, op) })
			}
		}
	}
}

func killedInQueue(t *testing.T, spec maps.Spec, in int, op operation) {
	path, before := makeMap(t, spec), &waiting{spec: spec}
	c := serve(t, makeSession(t), path, spec)
	for n := range in {
		before.push(val(n+1), 0)
		c.do(opPush, 1, nokey, val(n+1), 0)
	}
	c.stop()
	after := &waiting{spec, before.line}
	if op.op == "push" {
		after.push(op.value, op.flags)
	} else {
		after.take(true)
	}
	between := &waiting{spec, before.line} // a push into a full one has let the oldest go
	if in == int(spec.MaxEntries) {
		between.line = between.line[1:]
	}
	list, dir := states(t, path, op), shared(t)
	t.Logf("%d states", len(list))
	for i, b := range list {
		state := filepath.Join(dir, fmt.Sprint("state", i))
		overwrite(t, state, b)
		auditFile(t, state).healthy(t)
		now := elements(openWriter(t, state))
		happened := slices.EqualFunc(now, after.order(), bytes.Equal)
		if same := slices.EqualFunc(now, before.order(), bytes.Equal); !happened && !same && !slices.EqualFunc(now, between.order(), bytes.Equal) ||
			i == 0 && happened || i == len(list)-1 && !happened {
			t.Errorf("%x, want %x or %x", now, before.order(), after.order())
		}
		for _, lease := range []int{followed, 9} {
			fillQueue(t, state, spec, lease, now)
		}
		if t.Failed() {
			t.Fatalf("state %d of %d", i, len(list))
		}
	}
}

// fillQueue has another one, or the next holder of the lease, fill the map and empty it.
func fillQueue(t *testing.T, path string, spec maps.Spec, lease int, now [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprint(path, ".", lease)
	overwrite(t, file, b)
	c, q := serve(t, makeSession(t), file, spec), &waiting{spec: spec}
	defer c.stop()
	q.line = append(q.line, now...)
	q.line = q.order() // its own inverse
	for n := range spec.MaxEntries + 2 {
		value := append(val(60+int(n)), make([]byte, 64)...)[:spec.ValueSize]
		want := q.push(value, 0)
		if got := c.do(opPush, lease, nokey, value, 0); got != want {
			t.Errorf("lease %d, push %d: %v, want %v", lease, n, got, want)
		}
	}
	for range spec.MaxEntries + 1 {
		want, errno := q.take(true)
		if n, got, err := c.ask(opPop, lease, nokey, nil, 0); err != nil || unix.Errno(-n) != errno || !bytes.Equal(got, want) {
			t.Errorf("lease %d: popped %x, %d, %v; want %x, %v", lease, got, n, err, want, errno)
		}
	}
	if a := auditFile(t, file); lease == followed {
		a.atRest(t)
	} else {
		a.healthy(t)
	}
}

// TestManyQueue: producers and consumers in many processes. Everything comes out once; of a queue, what one producer put
// in comes in its order.
func TestManyQueue(t *testing.T) {
	const producers, each = 3, 3000
	for _, spec := range []maps.Spec{{Type: maps.Queue, ValueSize: 16, MaxEntries: 7}, {Type: maps.Queue, ValueSize: 16, MaxEntries: 500}, {Type: maps.Stack, ValueSize: 16, MaxEntries: 7}} {
		t.Run(fmt.Sprint(spec.Type, spec.MaxEntries), func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, spec)
			var all []*exec.Cmd
			var out []*bytes.Buffer
			for i := range 2 * producers {
				c, b := exec.Command(build(t, "testdata/queue.c"), session, path, fmt.Sprint(i), fmt.Sprint(producers), fmt.Sprint(each)), &bytes.Buffer{}
				c.Stdout, c.Stderr = b, b
				if err := bounded(t, c).Start(); err != nil {
					t.Fatal(err)
				}
				all, out = append(all, c), append(out, b)
			}
			seen := map[string]int{}
			for i, c := range all {
				if err := c.Wait(); err != nil {
					t.Fatalf("%d: %v\n%s", i, err, out[i])
				}
				last := make([]int, producers)
				for line := range strings.Lines(out[i].String()) {
					var who, n int
					if _, err := fmt.Sscanf(line, "%d %d", &who, &n); err != nil || who >= producers {
						t.Fatalf("%q", line)
					}
					if seen[line]++; spec.Type == maps.Queue && n <= last[who] {
						t.Errorf("consumer %d: %d of producer %d comes behind %d", i, n, who, last[who])
					}
					last[who] = n
				}
			}
			if len(seen) != producers*each {
				t.Errorf("%d came out, %d went in", len(seen), producers*each)
			}
			for line, n := range seen {
				if n != 1 {
					t.Errorf("%s came %d times", line, n)
				}
			}
			a := auditFile(t, path)
			if a.atRest(t); len(a.live) != 0 {
				t.Errorf("%d are left", len(a.live))
			}
		})
	}
}

// TestQueueHammer: processes that put in and take out are killed at any moment, also while they are stopped. No value is torn,
// and in the end there is room for as many as there ever was.
func TestQueueHammer(t *testing.T) {
	kills := 40
	if os.Getenv(torture) != "" {
		kills = 3000
	}
	for _, typ := range []maps.Type{maps.Queue, maps.Stack} {
		t.Run(typ.String(), func(t *testing.T) {
			spec := maps.Spec{Type: typ, ValueSize: 32, MaxEntries: 20}
			session, path := makeSession(t), makeMap(t, spec)
			m := openWriter(t, path)
			var victims [3]*victim
			start := func(i int) {
				v := &victim{cmd: exec.Command(build(t, "testdata/queue.c"), session, path, fmt.Sprint(i), "0", "0")}
				v.cmd.Stderr = &v.said
				if err := v.cmd.Start(); err != nil {
					t.Fatal(err)
				}
				victims[i] = v
			}
			for i := range victims {
				start(i)
			}
			for n := range kills {
				i := n % len(victims)
				if n%7 == 0 {
					victims[i].cmd.Process.Signal(unix.SIGSTOP)
				}
				for range 50 {
					m.Push(bytes.Repeat(le64(uint64(n)), 4), maps.Exist)
					if v, err := m.Pop(); err == nil && !bytes.Equal(v[:24], v[8:]) {
						t.Errorf("torn: %x", v)
					}
				}
				victims[i].kill(t, session, i)
				start(i)
			}
			for i, v := range victims {
				v.kill(t, session, i)
			}
			c := serve(t, session, path, spec)
			for lease := range abi.SESSION_NLEASES { // each finds what it had in hand
				c.do(opPop, lease, nokey, nil, 0)
			}
			fillQueue(t, path, spec, followed, elements(m))
			auditFile(t, path).atRest(t)
		})
	}
}

// TestSpoiltQueue: counters and chains may be anything. Operations end, inside the file.
func TestSpoiltQueue(t *testing.T) {
	for _, spec := range []maps.Spec{{Type: maps.Queue, ValueSize: 16, MaxEntries: 12}, {Type: maps.Stack, ValueSize: 16, MaxEntries: 12}} {
		path := makeMap(t, spec)
		c, g := serve(t, makeSession(t), path, spec, sanitized...), openWriter(t, path)
		for n := range 9 {
			c.do(opPush, n, nokey, val(n), 0)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 3))
		for range 60 {
			spoil(t, path, whole, r)
			for range 6 {
				if _, _, err := c.ask([]int{opPush, opPop, opPeek}[r.IntN(3)], r.IntN(512), nokey, val(3), uint64(r.IntN(2)*2)); err != nil {
					said, _ := os.ReadFile(c.said.Name())
					t.Fatalf("%v\n%s", err, said)
				}
				g.Push(val(1), maps.Exist)
				g.Pop()
				g.Peek()
			}
		}
	}
}

// TestBloomFilter: what was put in is found, by C and by Go; little else is.
func TestBloomFilter(t *testing.T) {
	for _, spec := range []maps.Spec{{Type: maps.BloomFilter, ValueSize: 8, MaxEntries: 500}, {Type: maps.BloomFilter, ValueSize: 13, MaxEntries: 100, Extra: 3}, {Type: maps.BloomFilter, ValueSize: 4, MaxEntries: 1, Extra: 15}} {
		path := makeMap(t, spec)
		c, g := serve(t, makeSession(t), path, spec, sanitized...), openWriter(t, path)
		value := func(n int) []byte { return append(le64(uint64(n)), make([]byte, 8)...)[:spec.ValueSize] }
		has := func(n int) bool { return c.do(opPeek, 1, nil, value(n), 0) == 0 }
		if has(1) || g.Has(value(1)) {
			t.Errorf("%v: an empty one has something", spec)
		}
		for n := range int(spec.MaxEntries) {
			if n%2 == 0 {
				c.do(opPush, n, nil, value(n), 0)
			} else if err := g.Push(value(n), 0); err != nil {
				t.Error(err)
			}
		}
		wrong := 0
		for n := range int(spec.MaxEntries) {
			if !has(n) || !g.Has(value(n)) {
				t.Errorf("%v: %d is not found", spec, n)
			}
			if has(n + 100_000) {
				wrong++
			}
			if has(n+100_000) != g.Has(value(n+100_000)) {
				t.Errorf("%v: C and Go disagree about %d", spec, n+100_000)
			}
		}
		if wrong > int(spec.MaxEntries)/5 {
			t.Errorf("%v: %d of %d are found that are not there", spec, wrong, spec.MaxEntries)
		}
		for _, flags := range []uint64{1, 2, 3} {
			if errno := c.do(opPush, 1, nil, value(1), flags); errno != unix.EINVAL || errnoOf(t, g.Push(value(1), flags)) != unix.EINVAL {
				t.Errorf("flags %d: %v", flags, errno)
			}
		}
		if errno := c.do(opPop, 1, nil, value(1), 0); errno != unix.EOPNOTSUPP {
			t.Errorf("pop: %v", errno)
		}
		if errno := c.do(opPeek, 1, nil, value(99_999), 0); errno != unix.ENOENT && errno != 0 {
			t.Errorf("peek: %v", errno)
		}
	}
}
