package maps_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// hammered has room for what all leases could have (24 of 8 keys, 4 shared ones, one of
// Go), and for what the killed had in hand until it is found: so no update may fail.
var hammered = maps.Spec{Type: maps.Hash, KeySize: 8, ValueSize: 32, MaxEntries: 240, Flags: maps.ZeroSeed}

// A victim is a process of testdata/hammer.c.
type victim struct {
	cmd  *exec.Cmd
	said bytes.Buffer
}

func hammer(t *testing.T, session, path string, slot int) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(build(t, "testdata/hammer.c", "-pthread"), session, path, fmt.Sprint(slot+1), "3", fmt.Sprint(rand.Uint32()))}
	v.cmd.Stderr = &v.said
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return v
}

// kill ends it, and what it held in the session, as the agent's reclaim does. Having
// ended by itself is a failure.
func (v *victim) kill(t *testing.T, session string, slot int) {
	t.Helper()
	v.cmd.Process.Kill()
	err := v.cmd.Wait()
	if status, ok := v.cmd.ProcessState.Sys().(interface{ Signaled() bool }); !ok || !status.Signaled() {
		t.Errorf("a process ended: %v: %s", err, v.said.String())
	}
	f, err := os.OpenFile(session, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	leases := make([]byte, abi.SESSION_NLEASES*abi.SESSION_LEASE_SIZE)
	if _, err := f.ReadAt(leases, abi.SESSION_LEASES_OFF); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(leases); at += abi.SESSION_LEASE_SIZE {
		if binary.LittleEndian.Uint64(leases[at:]) == uint64(slot+1) {
			f.WriteAt(make([]byte, 8), abi.SESSION_LEASES_OFF+int64(at))
		}
	}
}

// TestHammer: processes of several threads use one map, and are killed at any moment,
// also while they are stopped; each thread checks that its keys are as it left them.
// Meanwhile Go reads whole values only. In the end nothing is lost.
func TestHammer(t *testing.T) {
	kills := 60
	if os.Getenv(torture) != "" {
		kills = 5000
	}
	session, path := makeSession(t), makeMap(t, hammered)
	m := openWriter(t, path)
	var victims [2]*victim
	for i := range victims {
		victims[i] = hammer(t, session, path, i)
	}
	for n := range kills {
		i := n % len(victims)
		if n%7 == 0 {
			victims[i].cmd.Process.Signal(unix.SIGSTOP) // the other one goes on
			time.Sleep(time.Millisecond)
		}
		wholeValues(t, m)
		if n%5 == 0 {
			writeFromGo(t, m, n)
		}
		victims[i].kill(t, session, i)
		victims[i] = hammer(t, session, path, i)
	}
	for i, v := range victims {
		v.kill(t, session, i)
	}
	if m.Busy() != 0 {
		t.Errorf("%d operations were given up", m.Busy())
	}
	settle(t, session, path)
	auditFile(t, path).atRest(t)
}

func wholeValues(t *testing.T, m *maps.Map) {
	t.Helper()
	for key, values := range m.All() {
		for at := 8; at < 32; at += 8 {
			if !bytes.Equal(values[0][at:at+8], values[0][:8]) {
				t.Errorf("key %x has the value %x", key, values[0])
			}
		}
	}
}

func writeFromGo(t *testing.T, m *maps.Map, n int) {
	t.Helper()
	key := binary.LittleEndian.AppendUint64(nil, uint64(n)<<32|12345)
	value := bytes.Repeat(binary.LittleEndian.AppendUint64(nil, uint64(n)), 4)
	if err := m.Update(key, value, maps.NoExist); err != nil {
		t.Error(err)
	}
	if got, err := m.Lookup(key); err != nil || !bytes.Equal(got[0], value) {
		t.Errorf("%x, %v", got, err)
	}
	if err := m.Delete(key); err != nil {
		t.Error(err)
	}
}

// settle has every lease do something, so that each finds what it had in hand.
func settle(t *testing.T, session, path string) {
	t.Helper()
	c := serve(t, session, path, hammered)
	for lease := range abi.SESSION_NLEASES {
		key := binary.LittleEndian.AppendUint64(nil, uint64(lease)<<32|54321)
		c.do(opDelete, lease, key, nil, 0)
	}
	c.stop()
}
