package elfsym

import "testing"

// TestStackWalker: a runtime is known by what it exports, not by what it calls or keeps to itself.
func TestStackWalker(t *testing.T) {
	for source, want := range map[string]string{
		"int JNI_CreateJavaVM(void) { return 0; }":                                        "a Java virtual machine",
		"int jl_init(void) { return 0; }":                                                 "Julia",
		"int JNI_CreateJavaVM(void); int f(void) { return JNI_CreateJavaVM(); }":          "",
		"static int jl_init(void) { return 0; } int (*f(void))(void) { return jl_init; }": "",
		"int jl_init = 1;": "",
	} {
		f := open(t, compile(t, "gcc", ".c", source, "-shared", "-fPIC"))
		if got := f.StackWalker(); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	if got := open(t, libc).StackWalker(); got != "" {
		t.Errorf("libc is %q", got)
	}
}
