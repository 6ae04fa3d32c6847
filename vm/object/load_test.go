package object_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm/object"
)

// wantReason compares the reason of an *object.Error, and wants a place in the
// source for errors about instructions.
func wantReason(t *testing.T, err error, want string) {
	t.Helper()
	var e *object.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want an *object.Error: %s", err, want)
		return
	}
	wantEqual(t, "reason", e.Reason, want)
	if e.Insn >= 0 && !strings.Contains(e.Source, ".bpf.c:") {
		t.Errorf("%v: no line of the source", err)
	}
}

func TestMaps(t *testing.T) {
	forEach(t, "maps", func(t *testing.T, spec *object.Spec) {
		got := map[string]string{}
		for _, m := range spec.Maps {
			got[m.Name] = fmt.Sprintf("%v key %d value %d entries %d flags %#x extra %#x pinned %v values %v",
				m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.Extra, m.Pinned, m.Values)
		}
		for name, want := range map[string]string{
			"left":     "array key 4 value 8 entries 3 flags 0x0 extra 0x0 pinned false values []",
			"right":    "array key 4 value 8 entries 3 flags 0x0 extra 0x0 pinned false values []",
			"outer":    "array_of_maps key 4 value 4 entries 4 flags 0x0 extra 0x0 pinned false values [{1 left} {3 right}]",
			"programs": "prog_array key 4 value 4 entries 2 flags 0x0 extra 0x0 pinned false values [{0 first} {1 second}]",
			"bloom":    "bloom_filter key 0 value 16 entries 100 flags 0x40 extra 0x5 pinned true values []",
			// Weak, as in libbpf's usdt.bpf.h.
			"__bpf_usdt_ip_to_spec_id": "hash key 8 value 4 entries 1024 flags 0x0 extra 0x0 pinned false values []",
		} {
			wantEqual(t, name, got[name], want)
		}
		wantEqual(t, "number of maps", len(got), 6)
		inner := spec.Map("outer").Inner
		wantEqual(t, "inner", fmt.Sprintf("%v %d %d %d", inner.Type, inner.KeySize, inner.ValueSize, inner.MaxEntries), "array 4 8 3")
	})
}

func TestMapTypes(t *testing.T) {
	forEach(t, "basics", func(t *testing.T, spec *object.Spec) {
		starts := spec.Map("starts")
		key, ok := starts.Key.(*btf.Struct)
		if !ok || key.Name != "key" || len(key.Members) != 2 {
			t.Errorf("key type %v", starts.Key)
		}
		wantEqual(t, "value type", starts.Value.TypeName(), "u64")
		data, ok := spec.Map(".data").Value.(*btf.Datasec)
		if !ok || len(data.Vars) != 1 || data.Vars[0].Type.TypeName() != "total" {
			t.Errorf("type of .data %v", spec.Map(".data").Value)
		}
		wantEqual(t, ".rodata is read only", spec.Map(".rodata").Flags, object.ReadOnly)
		wantEqual(t, ".data is", spec.Map(".data").Flags, 0)
	})
}

func TestPrograms(t *testing.T) {
	forEach(t, "basics", func(t *testing.T, spec *object.Spec) {
		wantEqual(t, "license", spec.License, "Dual MIT/GPL")
		wantEqual(t, "programs", len(spec.Programs), 2)
		p := spec.Program("on_entry")
		wantEqual(t, "section", p.SEC, object.Section{Name: "uprobe/libc:malloc", Kind: "uprobe", Target: "libc:malloc"})
		wantEqual(t, "type", p.Type.Name, "on_entry")
		line, ok := p.LineOf(len(p.Insns) - 1)
		if !ok || filepath.Base(line.File) != "basics.bpf.c" || line.Line < 50 || line.Text == "" {
			t.Errorf("line of the exit: %+v", line)
		}
	})
}

func TestWithoutBTF(t *testing.T) {
	compiled := filepath.Join(t.TempDir(), "calls.o")
	image := image(t, "calls")
	// Without the names of their sections there is no BTF.
	for _, name := range []string{".BTF.ext\x00", ".BTF\x00"} {
		image = []byte(strings.Replace(string(image), name, "."+strings.ToLower(name[1:]), 1))
	}
	if err := os.WriteFile(compiled, image, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := load(t, compiled)
	if spec.Types != nil || spec.Program("powers").Type != nil {
		t.Fatal("there is still BTF")
	}
	for _, e := range engines {
		w := newWorld(t, e, link(t, spec, object.Options{}))
		wantEqual(t, "powers(2) in "+e.name, w.run(t, "powers", map[int]uint64{rdi: 2}), 2+10*4+100*8+1000*16)
	}
	_, err := object.Link(spec, object.Options{Constants: []object.Constant{{Name: "x", Value: true}}})
	wantError(t, err, "rodata: x: the object has no BTF, which says where constants are; compile it with -g")
}

func TestSections(t *testing.T) {
	for text, want := range map[string]object.Section{
		"uprobe":                           {Kind: "uprobe"},
		"uprobe/libc:malloc":               {Kind: "uprobe", Target: "libc:malloc"},
		"?uretprobe.s//usr/bin/x:f+0x10":   {Kind: "uretprobe", Target: "/usr/bin/x:f+0x10", Sleepable: true, Optional: true},
		"uprobe.multi.s/libc:mem*":         {Kind: "uprobe.multi", Target: "libc:mem*", Sleepable: true},
		"uretprobe.multi/libc:mem*":        {Kind: "uretprobe.multi", Target: "libc:mem*"},
		"uprobe.session/libc:mem*":         {Kind: "uprobe.session", Target: "libc:mem*"},
		"usdt.s/libc:libc:setjmp":          {Kind: "usdt", Target: "libc:libc:setjmp", Sleepable: true},
		"tp/syscalls/sys_enter_openat":     {Kind: "tracepoint", Target: "syscalls/sys_enter_openat"},
		"tracepoint/raw_syscalls/sys_exit": {Kind: "tracepoint", Target: "raw_syscalls/sys_exit"},
		"raw_tp/sys_enter":                 {Kind: "raw_tracepoint", Target: "sys_enter"},
		"raw_tracepoint/sys_exit":          {Kind: "raw_tracepoint", Target: "sys_exit"},
		"ksyscall/openat":                  {Kind: "ksyscall", Target: "openat"},
		"kretsyscall/openat":               {Kind: "kretsyscall", Target: "openat"},
		"ksyscall.s/openat":                {},
		"kprobe/do_sys_open":               {},
		"":                                 {},
	} {
		want.Name = text
		want.Optional = strings.HasPrefix(text, "?")
		wantEqual(t, text, object.ParseSection(text), want)
	}
}

func TestAttachSpec(t *testing.T) {
	for text, want := range map[string]string{
		"uprobe/libc:malloc":    "uprobe/libc:malloc",
		"?tp/syscalls/sys_exit": "tp/syscalls/sys_exit",
		"uprobe":                `error: SEC("uprobe") says not where to attach; say it in the manifest: attach: {PROGRAM: uprobe/…}`,
		"kprobe/do_sys_open":    `error: SEC("kprobe/do_sys_open") attaches nowhere in a process: functions of the kernel are out of reach of a process; uprobe/PATH:SYMBOL and ksyscall/NAME are not`,
		"fentry.s/x":            `error: SEC("fentry.s/x") attaches nowhere in a process: functions of the kernel are out of reach of a process; uprobe/PATH:SYMBOL and ksyscall/NAME are not`,
		"lsm/file_open":         `error: SEC("lsm/file_open") attaches nowhere in a process: it attaches inside the kernel`,
		"xdp":                   `error: SEC("xdp") attaches nowhere in a process: it attaches to the kernel's network`,
		"uprob/libc:malloc":     `error: SEC("uprob/libc:malloc") is no place to attach to; did you mean "uprobe"?`,
	} {
		got, err := object.ParseSection(text).AttachSpec()
		if err != nil {
			got = "error: " + err.Error()
		}
		wantEqual(t, text, got, want)
	}
}
