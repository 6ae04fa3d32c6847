package show_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
)

// Types as clang writes them.
var (
	u8     = &btf.Int{Name: "unsigned char", Size: 1}
	u16    = &btf.Int{Name: "unsigned short", Size: 2}
	u32    = &btf.Int{Name: "unsigned int", Size: 4}
	u64    = &btf.Int{Name: "unsigned long long", Size: 8}
	s32    = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	s64    = &btf.Int{Name: "long long", Size: 8, Encoding: btf.Signed}
	char   = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	truth  = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}
	int128 = &btf.Int{Name: "__int128", Size: 16, Encoding: btf.Signed}
	kind   = &btf.Enum{Name: "kind", Size: 4, Values: []btf.EnumValue{{Name: "READ", Value: 1}, {Name: "WRITE", Value: 2}}}
	errno  = &btf.Enum{Name: "errno", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "AGAIN", Value: 1<<64 - 11}}}
	comm   = array(char, 8)
	event  = &btf.Struct{Name: "event", Size: 24, Members: []btf.Member{
		{Name: "pid", Type: &btf.Typedef{Name: "pid_t", Type: &btf.Const{Type: s32}}}, {Name: "kind", Type: kind, Offset: 32},
		{Name: "comm", Type: comm, Offset: 64}, {Name: "at", Type: &btf.Pointer{Target: &btf.Void{}}, Offset: 128}}}
	hist = &btf.Struct{Name: "hist", Size: 16, Members: []btf.Member{{Name: "slots", Type: array(u32, 4)}}}
)

func array(t btf.Type, n uint32) *btf.Array { return &btf.Array{Index: u32, Type: t, Nelems: n} }

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecode: bytes by their type, for people and for programs.
func TestDecode(t *testing.T) {
	loop := &btf.Struct{Name: "loop", Size: 4}
	loop.Members = []btf.Member{{Name: "again", Type: loop}}
	for _, c := range []struct {
		name       string
		typ        btf.Type
		bytes      string
		text, json string
	}{
		{"no type, 8 bytes", nil, "0100000000000080", "9223372036854775809", "9223372036854775809"},
		{"no type, 2 bytes", nil, "0102", "513", "513"},
		{"no type, 3 bytes", nil, "010203", "hex:010203", `"010203"`},
		{"no bytes", nil, "", "hex:", `""`},
		{"u64", u64, "ffffffffffffffff", "18446744073709551615", "18446744073709551615"},
		{"s32", s32, "fffffff f", "-1", "-1"},
		{"s64", s64, "0000000000000080", "-9223372036854775808", "-9223372036854775808"},
		{"bool", truth, "01", "true", "true"},
		{"int128", int128, "0100000000000000 0000000000000080", `"0x80000000000000000000000000000001"`, `"0x80000000000000000000000000000001"`},
		{"enum", kind, "02000000", "WRITE", `"WRITE"`},
		{"enum without name", kind, "07000000", "7", "7"},
		{"signed enum", errno, "f5ffffff", "AGAIN", `"AGAIN"`},
		{"signed enum without name", errno, "feffffff", "-2", "-2"},
		{"float", &btf.Float{Size: 8}, "000000000000f83f", "1.5", "1.5"},
		{"float32", &btf.Float{Size: 4}, "0000c03f", "1.5", "1.5"},
		{"not a number", &btf.Float{Size: 8}, "000000000000f87f", "NaN", `"NaN"`},
		{"text", comm, "73680000ff414141", `"sh"`, `"sh"`},
		{"text without NUL", comm, "6162636465666768", `"abcdefgh"`, `"abcdefgh"`},
		{"text of any bytes", comm, "3c26ff22000000 00", `"<&�\""`, `"<&�\""`},
		{"bytes", array(u8, 4), "0a000102", "hex:0a000102", `"0a000102"`},
		{"struct", event, "07000000 02000000 7368000000000000 00100000ff7f0000",
			`{pid: 7, kind: WRITE, comm: "sh", at: 0x7fff00001000}`, `{"pid":7,"kind":"WRITE","comm":"sh","at":140733193392128}`},
		{"struct cut short", event, "07000000 02000000", "hex:0700000002000000", `"0700000002000000"`},
		{"few equal", array(u16, 4), "0100 0000 0000 0000", "[1, 0, 0, 0]", "[1,0,0,0]"},
		{"many equal", array(u16, 6), "0100 0000 0000 0000 0000 0200", "[1, 0 ×4, 2]", "[1,0,0,0,0,2]"},
		{"bit fields", &btf.Struct{Size: 2, Members: []btf.Member{{Name: "a", Type: u16, BitfieldSize: 3}, {Name: "b", Type: s32, Offset: 3, BitfieldSize: 7},
			{Name: "c", Type: kind, Offset: 10, BitfieldSize: 2}, {Name: "d", Type: u64, Offset: 12, BitfieldSize: 5}}},
			"fd 0f", "{a: 5, b: -1, c: 3, d: ?}", `{"a":5,"b":-1,"c":3,"d":null}`},
		{"anonymous union", &btf.Struct{Size: 4, Members: []btf.Member{{Type: &btf.Union{Size: 4, Members: []btf.Member{
			{Name: "n", Type: u32}, {Name: "low", Type: u8}}}}}}, "01020000", "{n: 513, low: 1}", `{"n":513,"low":1}`},
		{"member outside", &btf.Struct{Size: 4, Members: []btf.Member{{Name: "far", Type: u32, Offset: 1 << 31}, {Name: "half", Type: u32, Offset: 16}}},
			"01020304", "{far: ?, half: hex:0304}", `{"far":null,"half":"0304"}`},
		{"data section", &btf.Datasec{Size: 8, Vars: []btf.VarSecinfo{{Type: &btf.Var{Name: "hits", Type: u32}, Offset: 4, Size: 4},
			{Type: &btf.Var{Name: "gone", Type: u32}, Offset: 1<<32 - 2, Size: 4}}}, "00000000 09000000", "{hits: 9}", `{"hits":9}`},
		{"endless array of nothing", array(&btf.Struct{}, 1<<32-1), "", "hex:", `""`},
		{"forward", &btf.Fwd{Name: "task"}, "0102", "hex:0102", `"0102"`},
		{"struct in itself", loop, "01020304", deep("{again: ", "hex:01020304", "}"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := show.Decode(c.typ, bytesOf(t, c.bytes))
			if got := show.Text(v); got != c.text {
				t.Errorf("text %s\nwant %s", got, c.text)
			}
			if got := string(show.JSON(v)); got != c.json && c.json != "" {
				t.Errorf("JSON %s\nwant %s", got, c.json)
			}
		})
	}
}

func deep(open, middle, closing string) string {
	return strings.Repeat(open, 33) + middle + strings.Repeat(closing, 33)
}

// TestEncode: what people type becomes bytes, and comes back as it was.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		typ   btf.Type
		text  string
		bytes string
	}{
		{nil, "42", "2a000000"},
		{nil, "0x2a", "2a00"},
		{nil, "-1", "ffffffff"},
		{nil, "hex:010203", "010203"},
		{u64, "18446744073709551615", "ffffffffffffffff"},
		{s32, "-2", "feffffff"},
		{truth, "true", "01"},
		{truth, "false", "00"},
		{truth, "1", "01"},
		{kind, "WRITE", "02000000"},
		{kind, "7", "07000000"},
		{errno, "AGAIN", "f5ffffff"},
		{comm, "sh", "7368000000000000"},
		{comm, `"sh"`, "7368000000000000"},
		{comm, "12", "3132000000000000"},
		{array(u8, 3), "0a0001", "0a0001"},
		{array(u16, 3), "[1, 2]", "010002000000"},
		{&btf.Float{Size: 8}, "1.5", "000000000000f83f"},
		{&btf.Float{Size: 4}, "1.5", "0000c03f"},
		{&btf.Pointer{Target: &btf.Void{}}, "0x1000", "0010000000000000"},
		{event, `{"pid": -1, "comm": "sh", "kind": "READ"}`, "ffffffff 01000000 7368000000000000 0000000000000000"},
		{&btf.Struct{Size: 8, Members: []btf.Member{{Name: "a", Type: u32}, {Offset: 32, Type: &btf.Union{Size: 4, Members: []btf.Member{
			{Name: "n", Type: u32}, {Name: "low", Type: u8}}}}}}, `{"a": 1, "low": 2}`, "01000000 02000000"},
	} {
		want := bytesOf(t, c.bytes)
		got, err := show.Encode(c.typ, len(want), c.text)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v %s: %x, %v; want %x", c.typ, c.text, got, err, want)
		}
	}
}

// TestEncodeRefuses: each message says what was written and what would do.
func TestEncodeRefuses(t *testing.T) {
	loop := &btf.Struct{Name: "loop", Size: 4}
	loop.Members = []btf.Member{{Type: loop}}
	for _, c := range []struct {
		typ  btf.Type
		size int
		text string
		want string
	}{
		{nil, 4, "x", `"x" is no number from 0 on`},
		{nil, 4, "4294967296", "4294967296 does not fit into 4 bytes"},
		{nil, 16, "1", "16 bytes without a known type: write them as hex:…"},
		{nil, 4, "hex:0", "hex:0: encoding/hex: odd length hex string"},
		{nil, 4, "hex:0102", "hex:0102 has 2 bytes, wanted are 4"},
		{u32, 4, "-1", `"-1" is no number from 0 on`},
		{u32, 4, "1 2", `"1 2" is no number from 0 on`},
		{u32, 8, "1", "its type has 4 bytes, the map says 8: write hex:…"},
		{s32, 4, "2147483648", "2147483648 does not fit into 4 bytes"},
		{int128, 16, "1", "a number of 16 bytes: write hex:…"},
		{kind, 4, "OPEN", `"OPEN" is neither a number nor a value of enum kind`},
		{comm, 8, "a long name", `"a long name" has 11 bytes, room is for 8`},
		{array(u16, 2), 4, "7", `"7": an array is written [1, 2, …]`},
		{array(u16, 2), 4, "[1,2,3]", "3 elements, room is for 2"},
		{array(u16, 2), 4, `[1,"x"]`, `[1]: "x" is no number from 0 on`},
		{event, 24, "7", `"7": a struct is written {"pid": …, "kind": …, "comm": …, "at": …}`},
		{event, 24, `{"pidd": 7}`, `there is no member "pidd"; there are pid, kind, comm, at`},
		{event, 24, `{"kind": "OPEN"}`, `kind: "OPEN" is neither a number nor a value of enum kind`},
		{loop, 4, `{"x": 1}`, `there is no member "x"; there are `},
		{&btf.Float{Size: 8}, 8, "x", `"x" is no number`},
		{&btf.Struct{Size: 1, Members: []btf.Member{{Name: "a", Type: u8, BitfieldSize: 3}}}, 1, `{"a": 1}`, "a: it is a bit field: write the whole as hex:…"},
		{&btf.Struct{Size: 1, Members: []btf.Member{{Name: "a", Type: u32}}}, 1, `{"a": 1}`, "a: lies outside of its struct: write hex:…"},
	} {
		if _, err := show.Encode(c.typ, c.size, c.text); err == nil || err.Error() != c.want {
			t.Errorf("%v %s: error %v\nwant %s", c.typ, c.text, err, c.want)
		}
	}
}

// TestFold: several slots are one value.
func TestFold(t *testing.T) {
	for _, c := range []struct {
		typ   btf.Type
		slots []string
		want  string
	}{
		{u32, []string{"ffffffff", "00000000", "02000000"}, "4294967297"},
		{s64, []string{"ffffffffffffffff", "0300000000000000"}, "2"},
		{nil, []string{"0100000000000000", "0200000000000000"}, "3"},
		{nil, []string{"000000", "010203"}, "hex:010203"},
		{nil, []string{"010000", "010203"}, "[hex:010000, hex:010203]"},
		{nil, []string{"000000", "000000"}, "hex:000000"},
		{kind, []string{"00000000", "02000000", "01000000"}, "WRITE"},
		{event, []string{strings.Repeat("00", 24), "07000000 02000000 7368000000000000 0000000000000000", "01000000 01000000 6162000000000000 0010000000000000"},
			`{pid: 8, kind: WRITE, comm: "sh", at: 0x1000}`},
		{hist, []string{"01000000 00000000 02000000 00000000", "01000000 03000000 00000000 00000000"}, "{slots: [2, 3, 2, 0]}"},
		{truth, []string{"00", "01", "01"}, "true"},
		{&btf.Float{Size: 8}, []string{"000000000000f83f", "000000000000f83f"}, "3"},
		{u32, nil, "?"},
	} {
		var values []show.Value
		for _, s := range c.slots {
			values = append(values, show.Decode(c.typ, bytesOf(t, s)))
		}
		if got := show.Text(show.Fold(values)); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.typ, c.slots, got, c.want)
		}
	}
}
