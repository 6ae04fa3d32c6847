package maps_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
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
	if op.op == "delete" {
		return m.delete(op.key)
	}
	return m.update(op.key, op.value, op.flags)
}

// TestInBetween: somebody is stopped between two stores of an operation, another one
// runs a whole operation, at once and with a result, then the first goes on. What comes
// out is what comes out one after the other, in one of the two orders; but the last
// room in a map may be in the hand of the one that is stopped.
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
					if err := os.WriteFile(file, whole, 0o600); err != nil {
						t.Fatal(err)
					}
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
	code := opUpdate
	if other.op == "delete" {
		code = opDelete
	}
	second := c.do(code, other.lease, other.key, other.value, other.flags)
	c.stop()
	first := f.finish()
	a := auditFile(t, path)
	a.atRest(t)
	var wants string
	for _, order := range [][2]operation{{op, other}, {other, op}} {
		m := model{stepped, maps.Clone(before)}
		got := map[int]unix.Errno{op.lease: first, other.lease: second}
		want := map[int]unix.Errno{}
		for _, o := range order {
			if want[o.lease] = unix.E2BIG; got[o.lease] != unix.E2BIG || len(before) < chains-1 {
				want[o.lease] = m.run(o)
			}
		}
		r := [2]unix.Errno{want[op.lease], want[other.lease]}
		if r == [2]unix.Errno{first, second} && sameMap(a.live, m.live) {
			return
		}
		wants += fmt.Sprintf("; or %v, %v and %d entries", r[0], r[1], len(m.live))
	}
	t.Errorf("results %v and %v, %d entries%s", first, second, len(a.live), wants)
}
