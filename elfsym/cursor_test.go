package elfsym

import "testing"

func TestLEB128(t *testing.T) {
	for in, want := range map[string]struct {
		u uint64
		s int64
	}{
		"\x00":             {0, 0},
		"\x02":             {2, 2},
		"\x7f":             {127, -1},
		"\x80\x01":         {128, 128},
		"\x80\x7f":         {16256, -128},
		"\xe5\x8e\x26":     {624485, 624485},
		"\x9b\xf1\x59":     {1472667, -624485},
		"\xff\x80\x80\x00": {127, 127}, // padded
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01":     {1<<64 - 1, -1},
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f":     {1 << 63, -1 << 63},
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01": {0, 0}, // bits beyond the 64th
	} {
		if c := (cursor{b: []byte(in)}); c.uleb() != want.u || c.short || c.more() {
			t.Errorf("uleb(% x) is not %d", in, want.u)
		}
		if c := (cursor{b: []byte(in)}); c.sleb() != want.s || c.short || c.more() {
			t.Errorf("sleb(% x) is not %d", in, want.s)
		}
	}
	for _, in := range []string{"", "\x80", "\xff\xff"} {
		if c := (cursor{b: []byte(in)}); c.uleb() == 1 || !c.short {
			t.Errorf("uleb(% x) has an end", in)
		}
	}
}

func TestPointer(t *testing.T) {
	rel := base{data: 0x5000, fn: 0x6000}
	for _, c := range []struct {
		enc  byte
		in   string
		want uint64
		ok   bool
	}{
		{peAbsptr, "\x88\x77\x66\x55\x44\x33\x22\x11", 0x1122334455667788, true},
		{peUdata2, "\xfe\xff", 0xfffe, true},
		{peSdata2, "\xfe\xff", 1<<64 - 2, true},
		{peUdata4, "\xfe\xff\xff\xff", 0xfffffffe, true},
		{peSdata4, "\xfe\xff\xff\xff", 1<<64 - 2, true},
		{peSdata8, "\xfe\xff\xff\xff\xff\xff\xff\xff", 1<<64 - 2, true},
		{peUleb, "\x80\x01", 0x80, true},
		{peSleb, "\x7f", 1<<64 - 1, true},
		{pePcrel | peSdata4, "\xf0\xff\xff\xff", 0xff0, true},
		{peDatarel | peSdata4, "\x10\x00\x00\x00", 0x5010, true},
		{peFuncrel | peUdata2, "\x10\x00", 0x6010, true},
		{pePcrel | peSdata4, "\x00\x00\x00\x00", 0, true}, // no pointer
		{peIndirect | pePcrel | peSdata4, "\x10\x00\x00\x00", 0x1010, false},
		{0x20 | peUdata4, "\x10\x00\x00\x00", 0, false}, // relative to text: not on x86-64
		{0x50, "\x10\x00\x00\x00\x00\x00\x00\x00", 0, false},
		{0x05, "\x10\x00\x00\x00\x00\x00\x00\x00", 0, false},
		{peOmit, "\x10\x00\x00\x00\x00\x00\x00\x00", 0, false},
		{peUdata4, "\x10\x00\x00", 0, false},
	} {
		in := cursor{b: []byte(c.in), vaddr: 0x1000}
		if got, ok := in.pointer(c.enc, rel); ok != c.ok || got != c.want && ok {
			t.Errorf("encoding %#x of % x: %#x, %v; want %#x, %v", c.enc, c.in, got, ok, c.want, c.ok)
		}
	}
}
