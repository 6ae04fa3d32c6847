package main

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/vm/object"
)

// TestRecordTypes: a record's type is the one that was named for it, or the only one of
// its size that is called an event.
func TestRecordTypes(t *testing.T) {
	u64 := &btf.Int{Name: "unsigned long long", Size: 8}
	structOf := func(name string, words int) *btf.Struct {
		s := &btf.Struct{Name: name, Size: uint32(8 * words)}
		for i := range words {
			s.Members = append(s.Members, btf.Member{Name: string(rune('a' + i)), Type: u64, Offset: btf.Bits(64 * i)})
		}
		return s
	}
	pointer := func(to btf.Type) btf.Type {
		return &btf.Var{Name: "unused", Type: &btf.Pointer{Target: &btf.Const{Type: to}}}
	}
	one, two, three := structOf("small_event", 1), structOf("event", 2), structOf("data_t", 3)
	for name, c := range map[string]struct {
		types []btf.Type
		value btf.Type
		words int
		want  string // type, and value
	}{
		"the map's value":      {[]btf.Type{pointer(three)}, two, 2, "struct event {a: 1, b: 2}"},
		"a pointer's":          {[]btf.Type{pointer(three), two}, nil, 3, "struct data_t {a: 1, b: 2, c: 3}"},
		"of several pointers":  {[]btf.Type{pointer(three), pointer(two)}, nil, 2, "struct event {a: 1, b: 2}"},
		"an event by its name": {[]btf.Type{one, two, three, structOf("hello", 1)}, nil, 1, "struct small_event {a: 1}"},
		"two of that size":     {[]btf.Type{two, structOf("other_event", 2)}, nil, 2, "hex:01000000000000000200000000000000"},
		"none of that size":    {[]btf.Type{one, two}, nil, 3, "hex:010000000000000002000000000000000300000000000000"},
		"no event":             {[]btf.Type{structOf("eventually", 1), u64}, nil, 1, "hex:0100000000000000"},
		"longer than named":    {[]btf.Type{pointer(one), two}, nil, 3, "struct small_event {a: 1, rest: hex:02000000000000000300000000000000}"},
		"shorter than named":   {[]btf.Type{pointer(three)}, nil, 2, "hex:01000000000000000200000000000000"},
		"nothing":              {nil, nil, 1, "hex:0100000000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			var record []byte
			for i := range c.words {
				record = append(record, byte(i+1), 0, 0, 0, 0, 0, 0, 0)
			}
			v, typ := recordTypesOf(specOf(t, c.types), c.value).decode(record)
			got := show.Text(v)
			if typ != nil {
				got = typeName(typ, 0) + " " + got
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// specOf writes types and reads them back, as a session does.
func specOf(t *testing.T, types []btf.Type) *btf.Spec {
	t.Helper()
	if len(types) == 0 {
		return nil
	}
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := b.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestTourRecord: clang keeps what points to the type of records.
func TestTourRecord(t *testing.T) {
	spec, err := object.LoadFile("testdata/tour.bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := spec.MarshalBTF()
	if err != nil {
		t.Fatal(err)
	}
	types, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	v, typ := recordTypesOf(types, nil).decode(append([]byte{7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 's', 'h'}, make([]byte, 14)...))
	if got := show.Text(v); typ == nil || got != `{number: 7, kind: ENTRY, result: -1, comm: "sh"}` {
		t.Errorf("%v: %s", typ, got)
	}
}

// TestNamedRecord: --type says what records are, whatever the object calls its events; one that the object does not
// have is told.
func TestNamedRecord(t *testing.T) {
	u32 := &btf.Int{Name: "u32", Size: 4}
	two := &btf.Struct{Name: "two", Size: 8, Members: []btf.Member{{Name: "a", Type: u32}, {Name: "b", Type: u32, Offset: 32}}}
	event := &btf.Struct{Name: "event", Size: 8, Members: []btf.Member{{Name: "x", Type: &btf.Int{Name: "u64", Size: 8}}}}
	m := &openMap{name: "o.m", types: specOf(t, []btf.Type{two, event})}
	for _, name := range []string{"two", "struct two"} {
		r, err := m.recordTypes(name)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := r.decode([]byte{1, 0, 0, 0, 2, 0, 0, 0}); show.Text(v) != "{a: 1, b: 2}" {
			t.Errorf("%s: %s", name, show.Text(v))
		}
	}
	_, err := m.recordTypes("three")
	if want := `o.m: its object does not describe a struct "three": a global ` + "`const struct three *unused;`" + ` in it would`; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}
