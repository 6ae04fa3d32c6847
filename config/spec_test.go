package config

import (
	"errors"
	"strings"
	"testing"
)

var goodSpecs = []struct {
	text string
	want Spec
	out  string // what String writes, if not text
}{
	{text: "uprobe/libc:malloc", want: Spec{Kind: Uprobe, Path: "libc", Symbol: "malloc"}},
	{text: "uprobe/libc.so.6:malloc", want: Spec{Kind: Uprobe, Path: "libc.so.6", Symbol: "malloc"}},
	{text: "uprobe//usr/sbin/nginx:main", want: Spec{Kind: Uprobe, Path: "/usr/sbin/nginx", Symbol: "main"}},
	{text: "uprobe//proc/self/exe:main", want: Spec{Kind: Uprobe, Path: "/proc/self/exe", Symbol: "main"}},
	{text: "uprobe/libc:memcpy@GLIBC_2.14", want: Spec{Kind: Uprobe, Path: "libc", Symbol: "memcpy@GLIBC_2.14"}},
	{text: "uprobe/libc:malloc+0", want: Spec{Kind: Uprobe, Path: "libc", Symbol: "malloc", HasOffset: true}, out: "uprobe/libc:malloc+0x0"},
	{text: "uprobe/libc:malloc+16", want: Spec{Kind: Uprobe, Path: "libc", Symbol: "malloc", Offset: 16, HasOffset: true}, out: "uprobe/libc:malloc+0x10"},
	{text: "uprobe/libc:malloc+0x1F", want: Spec{Kind: Uprobe, Path: "libc", Symbol: "malloc", Offset: 31, HasOffset: true}, out: "uprobe/libc:malloc+0x1f"},
	{text: "uprobe/libc:malloc+0xffffffffffffffff", want: Spec{Kind: Uprobe, Path: "libc", Symbol: "malloc", Offset: 1<<64 - 1, HasOffset: true}},
	{text: "uprobe/x:_ZN2ns3fooEv", want: Spec{Kind: Uprobe, Path: "x", Symbol: "_ZN2ns3fooEv"}},
	{text: "uprobe/x:ns::foo(char*, int)", want: Spec{Kind: Uprobe, Path: "x", Symbol: "ns::foo(char*, int)"}},
	{text: "uprobe/x:ns::foo(char*)+8", want: Spec{Kind: Uprobe, Path: "x", Symbol: "ns::foo(char*)", Offset: 8, HasOffset: true}, out: "uprobe/x:ns::foo(char*)+0x8"},
	{text: "uprobe/x:ns::operator+", want: Spec{Kind: Uprobe, Path: "x", Symbol: "ns::operator+"}},
	{text: "uprobe/x:ns::operator+(int)", want: Spec{Kind: Uprobe, Path: "x", Symbol: "ns::operator+(int)"}},
	{text: "uprobe/x:operator++", want: Spec{Kind: Uprobe, Path: "x", Symbol: "operator++"}},
	{text: "uprobe/x:operator+++4", want: Spec{Kind: Uprobe, Path: "x", Symbol: "operator++", Offset: 4, HasOffset: true}, out: "uprobe/x:operator+++0x4"},
	{text: "uprobe/x:a<1+2>::f", want: Spec{Kind: Uprobe, Path: "x", Symbol: "a<1+2>::f"}},
	{text: "uprobe/x:f+0x", want: Spec{Kind: Uprobe, Path: "x", Symbol: "f+0x"}},
	{text: "uprobe/x:f+1a", want: Spec{Kind: Uprobe, Path: "x", Symbol: "f+1a"}},
	{text: "uprobe/x:std::vector<int>::operator[](unsigned long)", want: Spec{Kind: Uprobe, Path: "x", Symbol: "std::vector<int>::operator[](unsigned long)"}},
	{text: "uprobe/x:operator/", want: Spec{Kind: Uprobe, Path: "x", Symbol: "operator/"}},
	{text: "uprobe/x:main.(*T).Get", want: Spec{Kind: Uprobe, Path: "x", Symbol: "main.(*T).Get"}},
	{text: "uprobe//srv/app:net/http.(*conn).serve", want: Spec{Kind: Uprobe, Path: "/srv/app", Symbol: "net/http.(*conn).serve"}},
	{text: "uprobe/x:<alloc::string::String as core::fmt::Display>::fmt", want: Spec{Kind: Uprobe, Path: "x", Symbol: "<alloc::string::String as core::fmt::Display>::fmt"}},
	{text: "uprobe.s/libc:malloc", want: Spec{Kind: Uprobe, Sleepable: true, Path: "libc", Symbol: "malloc"}},
	{text: "uretprobe/libc:malloc", want: Spec{Kind: Uretprobe, Path: "libc", Symbol: "malloc"}},
	{text: "uretprobe/libc:malloc+0", want: Spec{Kind: Uretprobe, Path: "libc", Symbol: "malloc", HasOffset: true}, out: "uretprobe/libc:malloc+0x0"},
	{text: "uretprobe.s/libc:malloc", want: Spec{Kind: Uretprobe, Sleepable: true, Path: "libc", Symbol: "malloc"}},
	{text: "uprobe.multi/libc:mem*", want: Spec{Kind: UprobeMulti, Path: "libc", Glob: "mem*"}},
	{text: "uprobe.multi//usr/lib/libx.so:~std::*", want: Spec{Kind: UprobeMulti, Path: "/usr/lib/libx.so", Glob: "std::*", Demangled: true}},
	{text: "uprobe.multi.s/libc:mem*", want: Spec{Kind: UprobeMulti, Sleepable: true, Path: "libc", Glob: "mem*"}},
	{text: "uretprobe.multi/libc:mem*", want: Spec{Kind: UretprobeMulti, Path: "libc", Glob: "mem*"}},
	{text: "uretprobe.multi.s/libc:mem*", want: Spec{Kind: UretprobeMulti, Sleepable: true, Path: "libc", Glob: "mem*"}},
	{text: "uprobe.session/libc:mem*", want: Spec{Kind: UprobeSession, Path: "libc", Glob: "mem*"}},
	{text: "uprobe.session.s/libc:mem*", want: Spec{Kind: UprobeSession, Sleepable: true, Path: "libc", Glob: "mem*"}},
	{text: "usdt/libc:libc:memory_heap_new", want: Spec{Kind: USDT, Path: "libc", Provider: "libc", Name: "memory_heap_new"}},
	{text: "usdt.s//usr/bin/python3:python:function__entry", want: Spec{Kind: USDT, Sleepable: true, Path: "/usr/bin/python3", Provider: "python", Name: "function__entry"}},
	{text: "tracepoint/syscalls/sys_enter_openat", want: Spec{Kind: Tracepoint, Category: "syscalls", Event: "sys_enter_openat", Syscall: "openat"}},
	{text: "tracepoint/syscalls/sys_exit_openat", want: Spec{Kind: Tracepoint, Category: "syscalls", Event: "sys_exit_openat", Syscall: "openat"}},
	{text: "tp/syscalls/sys_enter_read", want: Spec{Kind: Tracepoint, Category: "syscalls", Event: "sys_enter_read", Syscall: "read"}, out: "tracepoint/syscalls/sys_enter_read"},
	{text: "tracepoint/raw_syscalls/sys_enter", want: Spec{Kind: Tracepoint, Category: "raw_syscalls", Event: "sys_enter"}},
	{text: "tp/raw_syscalls/sys_exit", want: Spec{Kind: Tracepoint, Category: "raw_syscalls", Event: "sys_exit"}, out: "tracepoint/raw_syscalls/sys_exit"},
	{text: "raw_tracepoint/sys_enter", want: Spec{Kind: RawTracepoint, Event: "sys_enter"}},
	{text: "raw_tp/sys_exit", want: Spec{Kind: RawTracepoint, Event: "sys_exit"}, out: "raw_tracepoint/sys_exit"},
	{text: "ksyscall/openat", want: Spec{Kind: Ksyscall, Syscall: "openat"}},
	{text: "raw_tp.s/sys_enter", want: Spec{Kind: RawTracepoint, Sleepable: true, Event: "sys_enter"}, out: "raw_tracepoint.s/sys_enter"},
	{text: "tp.s/syscalls/sys_enter_read", want: Spec{Kind: Tracepoint, Sleepable: true, Category: "syscalls", Event: "sys_enter_read", Syscall: "read"}, out: "tracepoint.s/syscalls/sys_enter_read"},
	{text: "tp_btf/sys_enter", want: Spec{Kind: BTFTracepoint, Event: "sys_enter"}},
	{text: "tp_btf.s/sys_exit", want: Spec{Kind: BTFTracepoint, Sleepable: true, Event: "sys_exit"}},
	{text: "tp/syscalls/sys_enter_newfstat", want: Spec{Kind: Tracepoint, Category: "syscalls", Event: "sys_enter_newfstat", Syscall: "newfstat"}, out: "tracepoint/syscalls/sys_enter_newfstat"},
	{text: "tp/syscalls/sys_exit_fstat", want: Spec{Kind: Tracepoint, Category: "syscalls", Event: "sys_exit_fstat", Syscall: "fstat"}, out: "tracepoint/syscalls/sys_exit_fstat"},
	{text: "ksyscall/newfstat", want: Spec{Kind: Ksyscall, Syscall: "newfstat"}},
	{text: "kretsyscall/fstat", want: Spec{Kind: Kretsyscall, Syscall: "fstat"}},
	{text: "kretsyscall/openat2", want: Spec{Kind: Kretsyscall, Syscall: "openat2"}},
}

func TestParseSpec(t *testing.T) {
	for _, c := range goodSpecs {
		got, err := ParseSpec(c.text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got != c.want {
			t.Errorf("%q\nread as %+v\nwant    %+v", c.text, got, c.want)
		}
		out := c.text
		if c.out != "" {
			out = c.out
		}
		if got.String() != out {
			t.Errorf("%q is written %q, want %q", c.text, got, out)
		}
		if again, err := ParseSpec(got.String()); again != got {
			t.Errorf("%q written and read again is %+v, %v", c.text, again, err)
		}
	}
}

func TestParseSpecErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `"": unknown kind ""; known: uprobe, uretprobe, uprobe.multi, uretprobe.multi, uprobe.session, usdt, tracepoint, tp, raw_tracepoint, raw_tp, tp_btf, ksyscall, kretsyscall`},
		{"uprob/libc:malloc", `"uprob/libc:malloc": unknown kind "uprob"; did you mean "uprobe"?`},
		{"libc:malloc", `"libc:malloc": the kind of probe is missing; write uprobe/libc:malloc or uretprobe/libc:malloc`},
		{"/lib/libc.so.6:malloc", `"/lib/libc.so.6:malloc": the kind of probe is missing; write uprobe//lib/libc.so.6:malloc or uretprobe//lib/libc.so.6:malloc`},
		{"uprobe:libc:malloc", `"uprobe:libc:malloc": a '/' must follow the kind uprobe; write uprobe/libc:malloc`},
		{"uprobe:/bin/bash:readline", `"uprobe:/bin/bash:readline": a '/' must follow the kind uprobe; write uprobe//bin/bash:readline`},
		{"kprobe/do_unlinkat", `"kprobe/do_unlinkat": kprobe programs run in the kernel, not in a process; write uprobe/PATH:SYMBOL for a function or ksyscall/NAME for a system call`},
		{"fentry.s/vfs_read", `"fentry.s/vfs_read": fentry programs run in the kernel, not in a process; write uprobe/PATH:SYMBOL for a function or ksyscall/NAME for a system call`},
		{"ksyscall.s/read", `"ksyscall.s/read": ksyscall has no sleepable form; write it without .s`},
		{"raw_tp.w/sys_enter", `"raw_tp.w/sys_enter": raw_tp.w programs run in the kernel, not in a process; write uprobe/PATH:SYMBOL for a function or ksyscall/NAME for a system call`},
		{"uprobe/libc", `"uprobe/libc": a module, a ':' and a name must follow uprobe/; write uprobe/libc:malloc`},
		{"uprobe/malloc", `"uprobe/malloc": a module, a ':' and a name must follow uprobe/; write uprobe/libc:malloc`},
		{"uprobe/:malloc", `"uprobe/:malloc": no module stands before the ':'; write uprobe/libc:malloc`},
		{"uprobe/libc:", `"uprobe/libc:": no name stands after the ':'; write uprobe/libc:malloc`},
		{"uprobe/std::sort", `"uprobe/std::sort": no module stands before std::sort; write uprobe/MODULE:std::sort`},
		{"uprobe/usr/sbin/nginx:main", `"uprobe/usr/sbin/nginx:main": the path usr/sbin/nginx is relative; write uprobe//usr/sbin/nginx:main with two slashes, or the module's name alone`},
		{"uprobe/./server:main", `"uprobe/./server:main": the path ./server is relative; write it from the root: uprobe//DIR/FILE:main`},
		{"uprobe//usr/lib/:main", `"uprobe//usr/lib/:main": /usr/lib/ is a directory; name a file, as in uprobe/libc:malloc`},
		{"uprobe/libc:malloc+010", `"uprobe/libc:malloc+010": the offset +010 could be octal or decimal; write it without the leading zero, or as +0x and hexadecimal digits`},
		{"uprobe/libc:malloc+0x10000000000000000", `"uprobe/libc:malloc+0x10000000000000000": the offset +0x10000000000000000 does not fit 64 bits; write the distance in bytes from the function's begin`},
		{"uprobe/libc:+0x10", `"uprobe/libc:+0x10": no function stands before the offset; write uprobe/libc:FUNCTION+0x10`},
		{"uprobe/libc:0x12345", `"uprobe/libc:0x12345": 0x12345 is an address, not a function; write uprobe/libc:FUNCTION+OFFSET`},
		{"uprobe/libc: malloc +4", `"uprobe/libc: malloc +4": white space surrounds the function's name; write uprobe/libc:malloc+4`},
		{"uretprobe/libc:malloc+4", `"uretprobe/libc:malloc+4": a return has no offset; write uretprobe/libc:malloc`},
		{"uprobe.multi/libc:~", `"uprobe.multi/libc:~": no pattern stands after the '~'; write uprobe.multi/libc:~std::*`},
		{"uprobe.multi/libc:mem*+4", `"uprobe.multi/libc:mem*+4": a pattern has no offset; write the pattern alone, as in uprobe.multi/libc:mem*`},
		{"uprobe.session/libc:mem*+08", `"uprobe.session/libc:mem*+08": a pattern has no offset; write the pattern alone, as in uprobe.session/libc:mem*`},
		{"usdt/libc:setjmp", `"usdt/libc:setjmp": a provider, a ':' and a name must follow the module; write usdt/libc:PROVIDER:NAME`},
		{"usdt/libc:a:b:c", `"usdt/libc:a:b:c": a provider, a ':' and a name must follow the module; write usdt/libc:PROVIDER:NAME`},
		{"tracepoint/syscalls", `"tracepoint/syscalls": a tracepoint has a category and a name; write tracepoint/syscalls/sys_enter_openat`},
		{"tracepoint/syscalls/openat", `"tracepoint/syscalls/openat": there is no tracepoint syscalls/openat; write tracepoint/syscalls/sys_enter_NAME, sys_exit_NAME, or tracepoint/raw_syscalls/sys_enter for all`},
		{"tracepoint/syscalls/sys_enter_*", `"tracepoint/syscalls/sys_enter_*": "*" is no system call; write tracepoint/syscalls/sys_enter_openat, or raw_tracepoint/sys_enter for all`},
		{"tracepoint/syscalls/sys_enter_opnat", `"tracepoint/syscalls/sys_enter_opnat": "opnat" is no system call; did you mean "openat"?`},
		{"ksyscall/newstats", `"ksyscall/newstats": "newstats" is no system call; did you mean "newstat"?`},
		{"ksyscall/tuxcall", `"ksyscall/tuxcall": "tuxcall" is no system call; write ksyscall/openat, or raw_tracepoint/sys_enter for all`},
		{"ksyscall/_llseek", `"ksyscall/_llseek": "_llseek" is no system call; did you mean "lseek"?`},
		{"tp_btf/sched_switch", `"tp_btf/sched_switch": of the raw tracepoints a process has sys_enter and sys_exit, not sched_switch; write one of these, or tracepoint/syscalls/sys_enter_NAME`},
		{"tp/sched/sched_switch", `"tp/sched/sched_switch": tracepoints of sched are in the kernel, out of a process's reach; those of syscalls and raw_syscalls are not: tp/syscalls/sys_enter_openat`},
		{"tp/raw_syscalls/sys_enter_read", `"tp/raw_syscalls/sys_enter_read": of the raw tracepoints a process has sys_enter and sys_exit, not sys_enter_read; write one of these, or tracepoint/syscalls/sys_enter_NAME`},
		{"raw_tp/sched_switch", `"raw_tp/sched_switch": of the raw tracepoints a process has sys_enter and sys_exit, not sched_switch; write one of these, or tracepoint/syscalls/sys_enter_NAME`},
		{"ksyscall/sys_openat", `"ksyscall/sys_openat": sys_openat is the name of a kernel function; write the system call's: openat`},
		{"ksyscall/__x64_sys_openat", `"ksyscall/__x64_sys_openat": __x64_sys_openat is the name of a kernel function; write the system call's: openat`},
		{"uprobe/libc:mal\nloc", `"uprobe/libc:mal\nloc": this is no attach specification; write one like uprobe/libc:malloc`},
		{"uprobe/x:" + strings.Repeat("a", maxSpec), `"uprobe/x:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": this is no attach specification; write one like uprobe/libc:malloc`},
	} {
		got, err := ParseSpec(c.text)
		if err == nil {
			t.Errorf("%.60q is accepted as %+v", c.text, got)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%.60q\nsays %s\nwant %s", c.text, err, c.want)
		}
		if errors.Is(err, ErrNoTarget) {
			t.Errorf("%.60q is taken for a bare kind", c.text)
		}
	}
}

// A bare kind is libbpf's way to say "attached by hand": an error that can be told from others, with the kind beside it.
func TestNoTarget(t *testing.T) {
	for text, want := range map[string]Spec{
		"uprobe":          {Kind: Uprobe},
		"uprobe/":         {Kind: Uprobe},
		"uretprobe.s":     {Kind: Uretprobe, Sleepable: true},
		"uprobe.multi":    {Kind: UprobeMulti},
		"uprobe.session":  {Kind: UprobeSession},
		"usdt":            {Kind: USDT},
		"tp":              {Kind: Tracepoint},
		"raw_tracepoint":  {Kind: RawTracepoint},
		"tp_btf":          {Kind: BTFTracepoint},
		"ksyscall":        {Kind: Ksyscall},
		"kretsyscall":     {Kind: Kretsyscall},
		"uretprobe.multi": {Kind: UretprobeMulti},
	} {
		got, err := ParseSpec(text)
		if !errors.Is(err, ErrNoTarget) || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestOnReturn(t *testing.T) {
	for text, want := range map[string]bool{
		"uprobe/libc:malloc":         false,
		"uretprobe/libc:malloc":      true,
		"uretprobe.multi/libc:m*":    true,
		"uprobe.session/libc:m*":     false,
		"tp/syscalls/sys_enter_read": false,
		"tp/syscalls/sys_exit_read":  true,
		"raw_tp/sys_exit":            true,
		"tp_btf/sys_exit":            true,
		"kretsyscall/read":           true,
		"ksyscall/read":              false,
		"usdt/libc:libc:setjmp":      false,
		"raw_tracepoint/sys_enter":   false,
	} {
		spec, err := ParseSpec(text)
		if err != nil || spec.OnReturn() != want {
			t.Errorf("%s: %v, %v", text, spec.OnReturn(), err)
		}
	}
}

// FuzzParseSpec holds that whatever is accepted is written and read again as the same.
func FuzzParseSpec(f *testing.F) {
	for _, c := range goodSpecs {
		f.Add(c.text)
	}
	for _, s := range []string{"uprobe", "kprobe/x", "uprobe/x:f+010", "usdt/a:b", "tp/a/b", "uprobe:x:y", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := ParseSpec(text)
		if err != nil {
			if bad := (*SpecError)(nil); !errors.As(err, &bad) || bad.Msg == "" || bad.Hint == "" {
				t.Errorf("%q: an error without words: %v", text, err)
			}
			return
		}
		if again, err := ParseSpec(spec.String()); again != spec {
			t.Errorf("%q: %+v is written %q and read as %+v, %v", text, spec, spec, again, err)
		}
	})
}
