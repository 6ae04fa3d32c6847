package object_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/object"
)

func TestWrongConstants(t *testing.T) {
	deep := any(uint64(1))
	for range 100 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"min_sise", uint64(1), `there is no constant "min_sise"; did you mean "min_size"?`},
		{"nothing", uint64(1), `there is no constant "nothing"; there are min_size, mode, verbose, label, offsets, limits, step, on_return.text`},
		{"calls", uint64(1), `calls is a variable in .bss, not a constant; declare it const volatile, or write it while it runs`},
		{"min_size", int64(-1), `min_size is a unsigned long long: -1 is not from 0 to 18446744073709551615`},
		{"min_size", "many", `min_size is a unsigned long long, not text`},
		{"min_size", true, `min_size is a unsigned long long, not true: write 1 or 0`},
		{"min_size", []any{uint64(1)}, `min_size is a unsigned long long, not a list`},
		{"step", uint64(65536), `step is a unsigned short: 65536 is not from 0 to 65535`},
		{"verbose", uint64(2), `verbose is a _Bool, not the number 2`},
		{"verbose", "yes", `verbose is a _Bool, not text`},
		{"mode", "RECRD", `mode is a enum mode, which has no "RECRD": did you mean "RECORD"?`},
		{"mode", uint64(1 << 32), `mode is a enum mode: 4294967296 is not from 0 to 4294967295`},
		{"label", "twelve bytes", `label is a char[12]: 12 bytes and the final zero do not fit`},
		{"label", uint64(1), `label is a char[12], not the number 1`},
		{"offsets", []any{uint64(1), uint64(2), uint64(3), uint64(4), uint64(5)}, `offsets is a s32[4]: 5 values do not fit`},
		{"offsets", []any{uint64(1), uint64(math.MaxInt32 + 1)}, `offsets [1] is a int: 2147483648 is not from -2147483648 to 2147483647`},
		{"offsets", "text", `offsets is a s32[4], not text`},
		{"offsets", deep, `offsets [0] is a int, not a list`},
		{"limits", []object.Constant{{Name: "lo", Value: uint64(1)}}, `limits is a struct, which has no member "lo": did you mean "low"?`},
		{"limits", []object.Constant{{Name: "low", Value: uint64(256)}}, `limits .low is a unsigned char: 256 is not from 0 to 255`},
		{"limits", []object.Constant{{Name: "width", Value: uint64(32)}}, `limits .width is a u32: 32 is not from 0 to 31`},
		{"limits", []object.Constant{{Name: "", Value: uint64(32)}}, `limits is a struct, which has no member "": there are low, width, rest, wide, narrow`},
		{"limits", uint64(1), `limits is a struct, not the number 1`},
	} {
		t.Run(fmt.Sprintf("%s=%.20v", c.name, c.value), func(t *testing.T) {
			_, err := object.Link(load(t, "testdata/basics.o"), object.Options{
				Constants: []object.Constant{{Name: c.name, Value: c.value, Where: "trace.yaml:7:12"}},
			})
			if err == nil || !strings.HasPrefix(err.Error(), "trace.yaml:7:12: testdata/basics.o: ") {
				t.Errorf("%v does not begin with the place", err)
			}
			wantError(t, err, "rodata: "+c.want)
		})
	}
}

func TestMapOptions(t *testing.T) {
	spec := load(t, "testdata/basics.o")
	o := link(t, spec, object.Options{Maps: []object.MapOption{{Name: "starts", MaxEntries: 65536}, {Name: "events"}}})
	wantEqual(t, "starts", o.Map("starts").MaxEntries, 65536)
	wantEqual(t, "events", o.Map("events").MaxEntries, 1<<16)
	wantEqual(t, "the spec's", spec.Map("starts").MaxEntries, 1024)
	for name, want := range map[string]string{
		"start": `maps: there is no map "start"; did you mean "starts"?`,
		".bss":  `maps: .bss is a data section: it has one entry`,
	} {
		_, err := object.Link(spec, object.Options{Maps: []object.MapOption{{Name: name, MaxEntries: 3, Where: "x.yaml:1:2"}}})
		wantError(t, err, want)
	}
}

// Link leaves the spec as it is: what one sets, another does not see.
func TestLinkTwice(t *testing.T) {
	spec := load(t, "testdata/basics.o")
	before := string(spec.Map(".rodata").Contents)
	changed := link(t, spec, object.Options{Constants: []object.Constant{{Name: "min_size", Value: uint64(1 << 40)}}})
	if string(changed.Map(".rodata").Contents) == before {
		t.Error("the constant was not set")
	}
	wantEqual(t, "of the spec", string(spec.Map(".rodata").Contents), before)
	wantEqual(t, "of another object", string(link(t, spec, object.Options{}).Map(".rodata").Contents), before)
}

// Several goroutines may link one spec; the race detector watches.
func TestLinkConcurrently(t *testing.T) {
	spec := load(t, "testdata/libbpf.o")
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			o, err := object.Link(spec, object.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			for _, p := range spec.Programs {
				if _, err := o.Program(p.Name); err != nil {
					t.Error(err)
				}
			}
			if _, err := spec.MarshalBTF(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

func TestRefusedPrograms(t *testing.T) {
	for _, c := range []struct{ object, program, want string }{
		{"refused", "addresses", `names in section ".rodata" is initialised with addresses, which are not known before the program runs`},
		{"refused", "no_helper", `call of bpf_get_socket_cookie#46, which does not exist here`},
		{"core", "unguarded", `a type of the kernel that does not exist here: CORERelocation(byte_off, Struct:"task_struct"[0:3], local_id=`},
		{"externs", "needs_config", `CONFIG_NEEDED: a process does not know how its kernel was configured`},
		{"externs", "needs_symbol", `needed_symbol is a symbol of the kernel, which is not there`},
		{"externs", "needs_kfunc", `bpf_needed_kfunc is neither in this object nor a helper: functions of the kernel (kfuncs) cannot be called from a process`},
		{"basics", "on_entri", `there is no program "on_entri"`},
	} {
		t.Run(c.program, func(t *testing.T) {
			forEach(t, c.object, func(t *testing.T, spec *object.Spec) {
				_, err := link(t, spec, object.Options{}).Program(c.program)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("\n got %v\nwant %s", err, c.want)
				}
			})
		})
	}
}

// A program that cannot run here does not keep others from running.
func TestRefusedBesideFine(t *testing.T) {
	inEngines(t, "refused", object.Options{}, func(t *testing.T, w *world) {
		wantEqual(t, "fine", w.run(t, "fine", map[int]uint64{rdi: 2}), 'x')
	})
}

func TestErrorText(t *testing.T) {
	_, err := link(t, load(t, "testdata/externs.o"), object.Options{}).Program("needs_config")
	wantEqual(t, "whole text", err.Error(), "testdata/externs.o: program needs_config: insn 0 (./testdata/externs.bpf.c:46): "+
		"CONFIG_NEEDED: a process does not know how its kernel was configured; declare it __weak and it is 0")
}

// What the verifier refuses is told at the line of the source.
func TestVerifierErrorText(t *testing.T) {
	forEach(t, "refused", func(t *testing.T, spec *object.Spec) {
		_, err := program(t, link(t, spec, object.Options{}), "writes_context").Verify(object.Context{Size: 80, Writable: true})
		var where *vm.Error
		if !errors.As(err, &where) {
			t.Errorf("%v names no instruction", err)
		}
		if err == nil || !strings.Contains(err.Error(), "testdata/refused.bpf.c:53): ") || !strings.HasSuffix(err.Error(), ": 8 bytes at byte 112 of the context, which has 80") {
			t.Errorf("got %v", err)
		}
	})
}

// The names in a file cannot write lines of their own into a log.
func TestErrorIsPrintable(t *testing.T) {
	text := (&object.Error{Object: "x.o", Program: "a\nERROR \x1b[31m" + strings.Repeat("b", 1<<20), Reason: "r"}).Error()
	if strings.ContainsAny(text, "\n\x1b") || len(text) > 1100 || !strings.HasPrefix(text, "x.o: program a?ERROR ?[31mbb") {
		t.Errorf("%.80q of %d bytes", text, len(text))
	}
}

func TestHelperOption(t *testing.T) {
	spec := load(t, "testdata/basics.o")
	o := link(t, spec, object.Options{Helper: func(id int32) bool { return id != 130 }})
	if _, err := o.Program("on_entry"); err != nil {
		t.Error(err)
	}
	_, err := o.Program("on_return")
	wantReason(t, err, "call of bpf_ringbuf_output#130, which does not exist here")
	// CO-RE says the same as the engine.
	core := link(t, load(t, "testdata/core.o"), object.Options{Helper: func(id int32) bool { return id != 1 }})
	w := newWorld(t, engines[0], core)
	wantEqual(t, "existence without map_lookup_elem", w.run(t, "existence", nil)&(1<<4), 0)
}
