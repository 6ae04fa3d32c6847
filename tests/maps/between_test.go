package maps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	bpfmaps "github.com/bpftime-go/bpftime/maps"
)

// others are what another lease does while one is stopped in the middle of an
// operation on key n of a chain of `in` keys.
func others(s scenario) (list []operation) {
	mine := s.op.key
	list = append(list,
		operation{"update", 9, mine, val(90), bpfmaps.Any},
		operation{"update", 9, mine, val(90), bpfmaps.NoExist},
		operation{"update", 9, mine, val(90), bpfmaps.Exist},
		operation{"delete", 9, mine, nil, 0},
		operation{"update", 9, key(chains + 1), val(91), bpfmaps.NoExist})
	for n := range min(s.in, 3) {
		list = append(list, operation{"delete", 9, key(n), nil, 0}, operation{"update", 9, key(n), val(92), bpfmaps.Any})
	}
	return list
}

func (m *model) run(op operation) unix.Errno {
	switch {
	case op.op == "delete":
		return m.delete(op.key)
	case op.op == "add" && !m.exists(op.key):
		return unix.ENOENT
	case op.op == "add": // nothing, here
		return 0
	}
	return m.update(op.key, op.value, op.flags)
}

// TestInBetween: somebody is stopped between two stores of an operation, another one
// runs a whole operation, at once and with a result, then the first goes on. What comes
// out is what comes out one after the other, in one of the two orders.
func TestInBetween(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			path, before := s.prepare(t)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			places := placesOf(t, path, s.op)
			every := 1
			if os.Getenv(torture) == "" {
				every = 4
			}
			for i, other := range others(s) {
				for k := i % every; k < len(places); k += every {
					file := path + ".between"
					overwrite(t, file, whole)
					between(t, file, s.op, other, places[k], before)
					if t.Failed() {
						t.Fatalf("%s %x flags %d, behind instruction %d", other.op, other.key, other.flags, places[k])
					}
				}
			}
		})
	}
}

// placesOf are the instructions behind which the file has changed, each as the number
// of instructions until then.
func placesOf(t *testing.T, path string, op operation) (list []int) {
	t.Helper()
	f, b := follow(t, makeSession(t), path, op), mapped(t, path)
	last, n := bytes.Clone(b), 0
	for f.step() {
		if n++; !bytes.Equal(b, last) {
			last = bytes.Clone(b)
			list = append(list, n)
		}
	}
	f.finish()
	return append([]int{1}, list...)
}

// hold lets a lease belong to process slot 1, which all programs of these tests say
// they have.
func hold(t *testing.T, session string, lease int) {
	t.Helper()
	f, err := os.OpenFile(session, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{1}, abi.SESSION_LEASES_OFF+int64(lease)*abi.SESSION_LEASE_SIZE+abi.LEASE_OWNER)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func between(t *testing.T, path string, op, other operation, instructions int, before map[string][]byte) {
	t.Helper()
	session := makeSession(t)
	hold(t, session, op.lease)
	f := follow(t, session, path, op)
	for range instructions {
		f.step()
	}
	c := serve(t, session, path, stepped)
	second := c.run(other)
	c.stop()
	first := f.finish()
	a := auditFile(t, path)
	a.atRest(t)
	var wants string
	for _, order := range [][2]operation{{op, other}, {other, op}} {
		m := model{stepped, maps.Clone(before)}
		want := map[int]unix.Errno{}
		for _, o := range order {
			want[o.lease] = m.run(o)
		}
		r := [2]unix.Errno{want[op.lease], want[other.lease]}
		if r == [2]unix.Errno{first, second} && sameMap(a.live, m.live) {
			return
		}
		wants += fmt.Sprintf("; or %v, %v and %d entries", r[0], r[1], len(m.live))
	}
	t.Errorf("results %v and %v, %d entries%s", first, second, len(a.live), wants)
}

func (s *server) run(op operation) unix.Errno {
	s.t.Helper()
	code := map[string]int{"update": opUpdate, "delete": opDelete}[op.op]
	return s.do(code, op.lease, op.key, op.value, op.flags)
}

// elsewhere is a key of another chain than those of the scenarios.
func elsewhere() []byte {
	for i := uint64(0); ; i++ {
		if key := binary.LittleEndian.AppendUint64(nil, i); bucketOf(0, key)%chains == 1 {
			return key
		}
	}
}

// TestUsedAgain: somebody is stopped on its way along a chain, at any instruction, and
// meanwhile the nodes it goes over are removed and used again, in another chain or in
// the same. It is not led astray.
func TestUsedAgain(t *testing.T) {
	by := func(op string, key []byte) operation { return operation{op, 9, key, val(9), 0}.without(op) }
	s := scenario{in: 3}
	for name, c := range map[string]struct {
		op        operation
		meanwhile []operation
	}{
		"lookup, into another chain": {operation{"add", followed, key(0), nil, 0}, []operation{by("delete", key(1)), by("update", elsewhere())}},
		"delete, into another chain": {remove(0), []operation{by("delete", key(1)), by("update", elsewhere())}},
		"update, into another chain": {update(0, 50), []operation{by("delete", key(1)), by("update", elsewhere())}},
		"insert, into another chain": {update(5, 50), []operation{by("delete", key(1)), by("update", elsewhere())}},
		"delete, into the same":      {remove(1), []operation{by("delete", key(2)), by("delete", key(1)), by("update", key(7))}},
		"update, into the same":      {update(1, 50), []operation{by("delete", key(2)), by("delete", key(1)), by("update", key(7))}},
		"first, into the same":       {remove(2), []operation{by("delete", key(2)), by("update", key(2))}},
		"only one, into the same":    {remove(0), []operation{by("delete", key(2)), by("delete", key(1)), by("delete", key(0)), by("update", key(0))}},
	} {
		t.Run(name, func(t *testing.T) {
			path, before := s.prepare(t)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			every := 1
			if os.Getenv(torture) == "" {
				every = 5
			}
			for k, more := rand.IntN(every)+1, true; more && !t.Failed(); k += every {
				overwrite(t, path, whole)
				if more = usedAgain(t, path, c.op, c.meanwhile, k, before); t.Failed() {
					t.Errorf("behind instruction %d", k)
				}
			}
		})
	}
}

// without takes the value from what has none.
func (o operation) without(op string) operation {
	if op == "delete" {
		o.value = nil
	}
	return o
}

// usedAgain stops the operation behind so many instructions; false: it has no more.
func usedAgain(t *testing.T, path string, op operation, meanwhile []operation, instructions int, before map[string][]byte) bool {
	t.Helper()
	session := makeSession(t)
	hold(t, session, op.lease)
	f := follow(t, session, path, op)
	more := true
	for range instructions {
		more = more && f.step()
	}
	c := serve(t, session, path, stepped)
	for _, o := range meanwhile {
		if errno := c.run(o); errno != 0 && errno != unix.ENOENT {
			t.Errorf("meanwhile %s: %v", o.op, errno)
		}
	}
	c.stop()
	got := f.finish()
	a := auditFile(t, path)
	a.atRest(t)
	for _, first := range []bool{true, false} {
		m := model{stepped, maps.Clone(before)}
		var want unix.Errno
		if first {
			want = m.run(op)
		}
		for _, o := range meanwhile {
			m.run(o)
		}
		if !first {
			want = m.run(op)
		}
		if got == want && sameMap(a.live, m.live) {
			return more
		}
	}
	t.Errorf("result %v, entries %x", got, a.live)
	return more
}
