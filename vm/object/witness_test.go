package object_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/object"
)

// The library's own loader is the second witness: where it loads an object, its
// maps, sections and instructions are those of our Spec.
func TestLibraryAgrees(t *testing.T) {
	for _, name := range []string{"basics", "calls", "core"} {
		t.Run(name, func(t *testing.T) {
			their, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(image(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			our := load(t, "testdata/"+name+".o")
			for _, m := range our.Maps {
				if their.Maps[m.Name] == nil {
					t.Errorf("map %s is ours only", m.Name)
					continue
				}
				sameMap(t, m, their.Maps[m.Name])
				delete(their.Maps, m.Name)
			}
			wantEqual(t, "maps of theirs only", fmt.Sprint(slices.Sorted(keys(their.Maps))), "[]")
			wantEqual(t, "number of programs", len(their.Programs), len(our.Programs))
			for _, p := range our.Programs {
				sameProgram(t, our, p, their.Programs[p.Name])
			}
		})
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func sameMap(t *testing.T, our *object.MapSpec, their *ebpf.MapSpec) {
	t.Helper()
	describe := func(kind any, key, value, entries, flags uint32, keyType, valueType btf.Type) string {
		return fmt.Sprintf("%v key %d value %d entries %d flags %#x types %.40v %.40v", kind, key, value, entries, flags, name(keyType), name(valueType))
	}
	theirKey := their.Key
	if our.IsData() {
		theirKey = nil
	}
	wantEqual(t, our.Name,
		describe(uint32(our.Type), our.KeySize, our.ValueSize, our.MaxEntries, our.Flags, our.Key, our.Value),
		describe(uint32(their.Type), their.KeySize, their.ValueSize, their.MaxEntries, their.Flags, theirKey, their.Value))
	if our.IsData() && !bytes.Equal(our.Contents, their.Contents[0].Value.([]byte)) {
		t.Errorf("%s holds %x, theirs %x", our.Name, our.Contents, their.Contents[0].Value)
	}
	ours, ok := our.Value.(*btf.Datasec)
	if !ok {
		return
	}
	for i, v := range their.Value.(*btf.Datasec).Vars {
		at := slices.IndexFunc(ours.Vars, func(o btf.VarSecinfo) bool { return o.Type.TypeName() == v.Type.TypeName() })
		if at < 0 || ours.Vars[at].Offset != v.Offset || ours.Vars[at].Size != v.Size {
			t.Errorf("%s: variable %d %s at %d: not ours", our.Name, i, v.Type.TypeName(), v.Offset)
		}
	}
}

func name(t btf.Type) string {
	if t == nil {
		return "none"
	}
	return t.TypeName()
}

// sameProgram compares code before anything is relocated. The library appends
// the functions that are called; ours stand for themselves.
func sameProgram(t *testing.T, spec *object.Spec, p *object.ProgramSpec, their *ebpf.ProgramSpec) {
	t.Helper()
	wantEqual(t, p.Name+": section", p.Section, their.SectionName)
	wantEqual(t, p.Name+": license", spec.License, their.License)
	functions := map[string]asm.Instructions{}
	current := ""
	for _, in := range their.Instructions {
		if s := in.Symbol(); s != "" {
			current = s
		}
		functions[current] = append(functions[current], in)
	}
	for _, f := range spec.Functions {
		if insns := functions[f.Name]; insns != nil {
			sameFunction(t, f, insns)
		}
	}
}

func sameFunction(t *testing.T, our *object.Function, their asm.Instructions) {
	t.Helper()
	if len(our.Insns) != len(their) {
		t.Errorf("%s: %d instructions, theirs has %d", our.Name, len(our.Insns), len(their))
		return
	}
	for i, in := range our.Insns {
		theirRef := their[i].Reference()
		// v0.22 takes the address of a global function for that of the first one
		// of its section. When this fails, the library has been mended.
		if our.Name == "callbacks" && in.Ref.Name == "second" {
			wantEqual(t, "the library's callback, known to be wrong", theirRef, "first")
			continue
		}
		wantEqual(t, fmt.Sprintf("%s: insn %d: %v refers to", our.Name, i, in.Instruction), in.Ref.Name, theirRef)
		if in.Ref.Kind == object.RefNone {
			wantEqual(t, fmt.Sprintf("%s: insn %d", our.Name, i), in.Instruction, decoded(t, their[i]))
		}
		if in.Ref.Kind == object.RefData {
			wantEqual(t, fmt.Sprintf("%s: insn %d: offset", our.Name, i), in.Ref.Offset, uint32(their[i].Constant>>32))
		}
		wantEqual(t, fmt.Sprintf("%s: insn %d: CO-RE", our.Name, i), fmt.Sprint(in.CORE != nil), fmt.Sprint(btf.CORERelocationMetadata(&their[i]) != nil))
		sameLine(t, our, i, their[i])
	}
	if our.Type == nil || our.Type.Name != btf.FuncMetadata(&their[0]).Name {
		t.Errorf("%s: type %v, theirs %v", our.Name, our.Type, btf.FuncMetadata(&their[0]))
	}
}

func sameLine(t *testing.T, our *object.Function, i int, their asm.Instruction) {
	t.Helper()
	line, ok := their.Source().(*btf.Line)
	if !ok {
		return
	}
	got, _ := our.LineOf(i)
	wantEqual(t, fmt.Sprintf("%s: insn %d: line", our.Name, i),
		fmt.Sprint(got.Insn, got.File, got.Line, got.Col), fmt.Sprint(i, line.FileName(), line.LineNumber(), line.LineColumn()))
}

func decoded(t *testing.T, in asm.Instruction) vm.Instruction {
	t.Helper()
	var b bytes.Buffer
	if _, err := in.Marshal(&b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	insns, err := vm.Decode(b.Bytes())
	if err != nil || len(insns) != 1 {
		t.Fatal(err)
	}
	return insns[0]
}

// Why the library's loader is only a witness: libbpf's usdt.bpf.h, for one, is
// an error to it. When this fails, read doc.go again.
func TestLibraryStops(t *testing.T) {
	_, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(image(t, "usdt")))
	if err == nil || !strings.Contains(err.Error(), "unsupported binding: STB_WEAK") {
		t.Errorf("the library says of weak maps: %v", err)
	}
}

// The BTF that is kept for readers says of data sections what the Spec says.
func TestMarshalBTF(t *testing.T) {
	forEach(t, "basics", func(t *testing.T, spec *object.Spec) {
		raw, err := spec.MarshalBTF()
		if err != nil {
			t.Fatal(err)
		}
		types, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range []string{".rodata", ".data", ".bss"} {
			var got *btf.Datasec
			if err := types.TypeByName(section, &got); err != nil {
				t.Fatal(err)
			}
			want := spec.Map(section).Value.(*btf.Datasec)
			wantEqual(t, section, layout(got), layout(want))
			wantEqual(t, section+": size", int(got.Size), len(spec.Map(section).Contents))
		}
		var key *btf.Struct
		if err := types.TypeByName("key", &key); err != nil || len(key.Members) != 2 {
			t.Errorf("struct key: %v, %v", key, err)
		}
	})
	raw, err := new(object.Spec).MarshalBTF()
	if raw != nil || err != nil {
		t.Error(raw, err)
	}
}

func layout(types *btf.Datasec) string {
	var out []string
	for _, v := range types.Vars {
		out = append(out, fmt.Sprintf("%s@%d+%d", v.Type.TypeName(), v.Offset, v.Size))
	}
	return strings.Join(out, " ")
}
