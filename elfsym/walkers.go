package elfsym

// walkers are runtimes that make code and walk stacks by themselves: they read the
// return address that a call from such code has left, and look up whose it is. Each by
// a name that it exports.
var walkers = []struct{ name, what string }{
	{"JNI_CreateJavaVM", "a Java virtual machine"},
	{"_ZN2v87Isolate7DisposeEv", "V8"},
	{"coreclr_initialize", ".NET"},
	{"mono_jit_init", "Mono"},
	{"JSContextGroupCreate", "JavaScriptCore"},
	{"JS_GetRuntimePrivate", "SpiderMonkey"},
	{"jl_init", "Julia"},
	{"ijl_init", "Julia"},
	{"caml_startup", "OCaml"},
	{"rpython_startup_code", "PyPy"},
}

// StackWalker says which runtime the file holds that reads return addresses of calls
// into it; "" when it holds none that is known.
func (f *File) StackWalker() string {
	walker, _ := f.walker.get(func() (string, error) {
		for _, w := range walkers {
			if f.exports(w.name) {
				return w.what, nil
			}
		}
		return "", nil
	})
	return walker
}

// exports tells whether the dynamic table has a function of that name.
func (f *File) exports(name string) bool {
	t, hashed, err := f.dynsymsNamed(name)
	if !hashed || err != nil {
		t, _ = f.dynsym()
	}
	q := newQuery(name)
	q.search(f, t)
	return len(q.syms) > 0
}
