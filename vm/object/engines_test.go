package object_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/object"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// sizeOfContext is that of struct pt_regs.
const sizeOfContext = 168

// engine runs one program of a world.
type engine struct {
	name   string
	memory func(t *testing.T, size int) (base uint64, mem []byte)
	run    func(w *world, v *verifier.Verified, ctx []byte) (uint64, error)
}

// engines are the interpreter and, where there is one, the JIT.
var engines = []engine{{
	name:   "interp",
	memory: func(_ *testing.T, size int) (uint64, []byte) { return 0x10000, make([]byte, size) },
	run: func(w *world, v *verifier.Verified, ctx []byte) (uint64, error) {
		m, err := interp.New(v.Program(), interp.Options{Helpers: w.helpers(), Maps: w.handles, MapValues: w.values, Budget: 100000})
		if err != nil {
			return 0, err
		}
		if err := m.Memory().MapAt(w.base, "maps", w.mem, interp.ReadWrite); err != nil {
			return 0, err
		}
		return m.Run(ctx)
	},
}}

// world is what the programs of an object find around them: maps, and helpers
// that remember what they were asked for.
type world struct {
	object  *object.Object
	engine  engine
	base    uint64 // address of mem
	mem     []byte // of all values
	used    int
	handles []uint64          // of maps, by index
	values  []uint64          // addresses of data sections, by index
	entries map[string]uint64 // handle and key -> address of the value
	printed []string
	records [][]byte
	cookie  uint64
}

func newWorld(t *testing.T, e engine, o *object.Object) *world {
	t.Helper()
	w := &world{object: o, engine: e, entries: map[string]uint64{}}
	w.base, w.mem = e.memory(t, 1<<16)
	for i, m := range o.Maps {
		w.handles = append(w.handles, uint64(i)+1000)
		addr := uint64(0)
		if m.IsData() {
			addr = w.alloc(len(m.Contents))
			copy(w.at(addr, len(m.Contents)), m.Contents)
		}
		w.values = append(w.values, addr)
	}
	return w
}

func (w *world) alloc(n int) (addr uint64) {
	addr = w.base + uint64(w.used)
	w.used += (n + 7) &^ 7
	return addr
}

func (w *world) at(addr uint64, n int) []byte { return w.mem[addr-w.base:][:n] }

// data is what a data section holds now.
func (w *world) data(t *testing.T, name string) []byte {
	t.Helper()
	for i, m := range w.object.Maps {
		if m.Name == name {
			return w.at(w.values[i], len(m.Contents))
		}
	}
	t.Fatalf("there is no section %s", name)
	return nil
}

// put makes an entry of a map.
func (w *world) put(t *testing.T, name string, key, value []byte) {
	t.Helper()
	for i, m := range w.object.Maps {
		if m.Name != name {
			continue
		}
		if len(key) != int(m.KeySize) || len(value) != int(m.ValueSize) {
			t.Fatalf("%s has keys of %d and values of %d bytes", name, m.KeySize, m.ValueSize)
		}
		addr := w.alloc(len(value))
		copy(w.at(addr, len(value)), value)
		w.entries[fmt.Sprint(w.handles[i], key)] = addr
		return
	}
	t.Fatalf("there is no map %s", name)
}

// verify links a program and has it verified.
func (w *world) verify(t *testing.T, name string) *verifier.Verified {
	t.Helper()
	p := program(t, w.object, name)
	v, err := p.Verify(p.SEC.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// regs is the address of a struct pt_regs.
func (w *world) regs(regs map[int]uint64) uint64 {
	addr := w.alloc(sizeOfContext)
	for at, value := range regs {
		binary.LittleEndian.PutUint64(w.at(addr, sizeOfContext)[at:], value)
	}
	return addr
}

// run runs a program with the registers rdi, rsi … given.
func (w *world) run(t *testing.T, name string, regs map[int]uint64) uint64 {
	t.Helper()
	v := w.verify(t, name)
	ctx := make([]byte, sizeOfContext)
	for at, value := range regs {
		binary.LittleEndian.PutUint64(ctx[at:], value)
	}
	r0, err := w.engine.run(w, v, ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r0
}

// Offsets in struct pt_regs.
const (
	rax, rdx, rsi, rdi, origRax, rsp = 80, 96, 104, 112, 120, 152
)

// mapOf finds the map behind a handle.
func (w *world) mapOf(handle uint64) *object.MapSpec { return w.object.Maps[handle-1000] }

func (w *world) key(m helper.Memory, handle, addr uint64) (string, error) {
	key := make([]byte, w.mapOf(handle).KeySize)
	err := m.Read(addr, key)
	return fmt.Sprint(handle, key), err
}

func (w *world) helpers() *helper.Registry {
	return new(helper.Registry).
		Register(1, func(m helper.Memory, handle, key, _, _, _ uint64) (uint64, error) {
			k, err := w.key(m, handle, key)
			return w.entries[k], err
		}).
		Register(2, func(m helper.Memory, handle, key, value, _, _ uint64) (uint64, error) {
			k, err := w.key(m, handle, key)
			if err != nil {
				return 0, err
			}
			size := int(w.mapOf(handle).ValueSize)
			if w.entries[k] == 0 {
				w.entries[k] = w.alloc(size)
			}
			return 0, m.Read(value, w.at(w.entries[k], size))
		}).
		Register(5, helper.Pure(func(_, _, _, _, _ uint64) uint64 { return 123456789 })).
		Register(6, func(m helper.Memory, format, size, a, b, c uint64) (uint64, error) {
			text := make([]byte, size)
			err := m.Read(format, text)
			args := []any{int32(a), int32(b), int32(c)}[:bytes.Count(text, []byte("%"))]
			w.printed = append(w.printed, fmt.Sprintf(string(bytes.TrimRight(text, "\x00")), args...))
			return 0, err
		}).
		Register(14, helper.Pure(func(_, _, _, _, _ uint64) uint64 { return 77<<32 | 78 })).
		Register(112, probeRead).
		Register(113, probeRead).
		Register(174, helper.Pure(func(_, _, _, _, _ uint64) uint64 { return w.cookie })).
		Register(130, func(m helper.Memory, _, data, size, _, _ uint64) (uint64, error) {
			record := make([]byte, size)
			w.records = append(w.records, record)
			return 0, m.Read(data, record)
		})
}

func probeRead(m helper.Memory, dst, size, src, _, _ uint64) (uint64, error) {
	b := make([]byte, size)
	if err := m.Read(src, b); err != nil {
		return 0, err
	}
	return 0, m.Write(dst, b)
}
