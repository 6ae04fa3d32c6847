package object_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/object"
)

// inEngines runs a test with every form of an object in every engine.
func inEngines(t *testing.T, name string, opts object.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	forEach(t, name, func(t *testing.T, spec *object.Spec) {
		for _, e := range engines {
			t.Run(e.name, func(t *testing.T) { test(t, newWorld(t, e, link(t, spec, opts))) })
		}
	})
}

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func TestMapsAndGlobals(t *testing.T) {
	inEngines(t, "basics", object.Options{}, func(t *testing.T, w *world) {
		wantEqual(t, "malloc(5)", w.run(t, "on_entry", map[int]uint64{rdi: 5}), 1)
		wantEqual(t, "return without entry", w.run(t, "on_return", nil), 1)
		wantEqual(t, "malloc(42)", w.run(t, "on_entry", map[int]uint64{rdi: 42}), 0)
		wantEqual(t, "its return", w.run(t, "on_return", nil), 0)

		wantEqual(t, "total, 1000 + 3*42", word(w.data(t, ".data")), 1126)
		bss := w.data(t, ".bss")
		seen := binary.LittleEndian.AppendUint32(make([]byte, 8), 1) // of [4]u32: 42&3 = 2
		wantEqual(t, "calls", bytes.Contains(bss, binary.LittleEndian.AppendUint64(nil, 2)), true)
		wantEqual(t, "seen[2]", bytes.Contains(bss, seen), true)

		want := binary.LittleEndian.AppendUint64(nil, 123456789)
		want = binary.LittleEndian.AppendUint32(want, 1126)
		want = append(want, "plain\x00\x00\x00\x00\x00\x00\x00"...)
		if len(w.records) != 1 || !bytes.Equal(w.records[0], want) {
			t.Errorf("records %q, want one: %q", w.records, want)
		}
		// seen[2] + offsets[2] + limits.narrow + limits.width
		if len(w.printed) != 1 || w.printed[0] != "recorded 4" {
			t.Errorf("printed %q", w.printed)
		}
	})
}

func TestConstants(t *testing.T) {
	opts := object.Options{Constants: []object.Constant{
		{Name: "min_size", Value: uint64(3)},
		{Name: "mode", Value: "COUNT"},
		{Name: "step", Value: uint64(500)},
		{Name: "label", Value: "fine"},
		{Name: "offsets", Value: []any{uint64(0), uint64(0), int64(-70)}},
		{Name: "limits", Value: []object.Constant{
			{Name: "width", Value: uint64(31)}, {Name: "narrow", Value: uint64(100)}, {Name: "rest", Value: uint64(1<<27 - 1)},
		}},
	}}
	inEngines(t, "basics", opts, func(t *testing.T, w *world) {
		wantEqual(t, "malloc(5)", w.run(t, "on_entry", map[int]uint64{rdi: 5}), 0)
		wantEqual(t, "its return", w.run(t, "on_return", nil), 0)
		wantEqual(t, "total, 1000 + 500*5", word(w.data(t, ".data")), 3500)
		wantEqual(t, "records", len(w.records), 0)
		// seen[2] is 0, for 5&3 is 1
		if len(w.printed) != 1 || w.printed[0] != "recorded 61" {
			t.Errorf("printed %q, want -70 + 100 + 31", w.printed)
		}
	})
}

func TestCalls(t *testing.T) {
	inEngines(t, "calls", object.Options{}, func(t *testing.T, w *world) {
		want := uint64(3 + 10*9 + 100*27 + 1000*81)
		wantEqual(t, "powers(3)", w.run(t, "powers", map[int]uint64{rdi: 3}), want)
		wantEqual(t, "result", word(w.data(t, ".bss")), want)
		// The result is odd now, so every square is one more.
		want = 3 + 10*10 + 100*30 + 1000*100
		wantEqual(t, "of_other_section(3)", w.run(t, "of_other_section", map[int]uint64{rdi: 3}), want+1)
	})
}

// The address that a helper is to call is that of the function named in the
// source, whether it is static, and wherever it lies in its section.
func TestCallbacks(t *testing.T) {
	forEach(t, "calls", func(t *testing.T, spec *object.Spec) {
		p := program(t, link(t, spec, object.Options{}), "callbacks")
		var got []string
		for i, in := range p.Prog.Instructions() {
			if in.IsFuncRef() {
				got = append(got, p.Funcs[p.Prog.FunctionOf(p.Prog.Target(i))].Name)
			}
		}
		if want := "second third first"; len(got) != 3 || got[0]+" "+got[1]+" "+got[2] != want {
			t.Errorf("callbacks %v, want %s", got, want)
		}
		for _, f := range p.Prog.Functions()[1:] {
			wantEqual(t, "referenced", f.Referenced, true)
		}
	})
}

// A program contains what it calls and nothing else.
func TestOnlyWhatIsCalled(t *testing.T) {
	forEach(t, "calls", func(t *testing.T, spec *object.Spec) {
		p := program(t, link(t, spec, object.Options{}), "powers")
		for _, f := range p.Funcs {
			if f.Name == "never_called" || f.Name == "first" || f.Name == "callbacks" {
				t.Errorf("%s is part of powers", f.Name)
			}
		}
		wantEqual(t, "first function", p.Funcs[0].Name, "powers")
		wantEqual(t, "depth", p.Prog.Depth(), 3)
	})
}

func TestCORE(t *testing.T) {
	inEngines(t, "core", object.Options{}, func(t *testing.T, w *world) {
		regs := map[int]uint64{rdi: 1, rsi: 2, rax: 3, rsp: 4, origRax: 5}
		wantEqual(t, "registers", w.run(t, "regs", regs), 54321)
		// As abi.TASK_TGID, TASK_REAL_PARENT and TASK_COMM say: 4, 8, 32.
		wantEqual(t, "offsets", w.run(t, "offsets", nil), 35008004)
		// There are: bpf_ringbuf, comm, map_lookup_elem, task_storage.
		wantEqual(t, "existence", w.run(t, "existence", nil), 130<<8|1|1<<2|1<<4|1<<6)
		wantEqual(t, "guarded", w.run(t, "guarded", map[int]uint64{rdi: 5}), 12)
	})
}

func TestExterns(t *testing.T) {
	inEngines(t, "externs", object.Options{}, func(t *testing.T, w *world) {
		wantEqual(t, "known", w.run(t, "known", nil), 121211001554) // 121 is 'y', 2 is TRI_YES
		wantEqual(t, "absent", w.run(t, "absent", nil), 5)
		wantEqual(t, "by_constant", w.run(t, "by_constant", nil), 9)
	})
}

// What a constant switches off may call what there is not; switched on, it is
// refused.
func TestConstantDecides(t *testing.T) {
	forEach(t, "externs", func(t *testing.T, spec *object.Spec) {
		on := link(t, spec, object.Options{Constants: []object.Constant{{Name: "use_kfunc", Value: true}}})
		_, err := on.Program("by_constant")
		wantReason(t, err, "bpf_needed_kfunc is neither in this object nor a helper: functions of the kernel (kfuncs) cannot be called from a process")
		off := program(t, link(t, spec, object.Options{}), "by_constant")
		for _, in := range off.Prog.Instructions() {
			if in.OpCode == vm.JMP|vm.CALL {
				t.Errorf("the call is still there: %v", in)
			}
		}
	})
}

// An object in the manner of libbpf's usdt.bpf.h: the cookie says which entry
// of a weak map describes the arguments.
func TestUSDT(t *testing.T) {
	inEngines(t, "usdt", object.Options{}, func(t *testing.T, w *world) {
		w.cookie = 5
		wantEqual(t, "without a description", w.run(t, "on_usdt", map[int]uint64{rsi: 7}), ^uint64(1))
		w.put(t, "__bpf_usdt_specs", []byte{5, 0, 0, 0}, []byte{rsi, 0, 0, 0, 0, 0, 0, 0})
		wantEqual(t, "first argument, in rsi", w.run(t, "on_usdt", map[int]uint64{rsi: 7}), 7)
	})
}

// What libbpf's headers make of the usual style.
func TestLibbpf(t *testing.T) {
	inEngines(t, "libbpf", object.Options{}, func(t *testing.T, w *world) {
		w.run(t, "enter", map[int]uint64{rdi: 42})
		w.run(t, "on_syscall", map[int]uint64{rdi: w.regs(map[int]uint64{rdi: 3, rsi: 4, rdx: 5})})
		// A struct __bpf_usdt_spec: two arguments, in rsi and the constant 9.
		spec := make([]byte, 208)
		argument := func(n int, value uint64, kind, register uint64) {
			binary.LittleEndian.PutUint64(spec[16*n:], value)
			binary.LittleEndian.PutUint64(spec[16*n+8:], kind|register<<32)
		}
		argument(0, 0, 1, rsi)
		argument(1, 9, 0, 0)
		binary.LittleEndian.PutUint64(spec[192:], 1234) // cookie
		binary.LittleEndian.PutUint16(spec[200:], 2)    // arguments
		w.cookie = 5
		w.put(t, "__bpf_usdt_specs", []byte{5, 0, 0, 0}, spec)
		wantEqual(t, "USDT cookie", w.run(t, "on_usdt", map[int]uint64{rsi: 7}), 1234)
		if got := strings.Join(w.printed, "; "); got != "malloc 42; 3 5; 7 9" {
			t.Errorf("printed %s", got)
		}
		for _, name := range []string{"leave", "on_open", "on_exit"} {
			w.verify(t, name)
		}
	})
}

// CO-RE has decided for the ring buffer, and against a member that is not here.
func TestLibbpfDecides(t *testing.T) {
	forEach(t, "libbpf", func(t *testing.T, spec *object.Spec) {
		calls := func(o *object.Object) string {
			var out []string
			for _, id := range program(t, o, "leave").Prog.Helpers() {
				out = append(out, helper.Name(id))
			}
			return strings.Join(out, " ")
		}
		wantEqual(t, "helpers", calls(link(t, spec, object.Options{Helper: func(id int32) bool { return id != 25 }})),
			"map_lookup_elem ktime_get_ns get_current_pid_tgid get_current_comm get_current_task probe_read_kernel ringbuf_reserve ringbuf_submit")
	})
}
