package object_test

import "testing"

// Whatever a file holds, it is loaded, refused, or runs under the interpreter's
// checks; errors have a place. The objects of testdata are the seeds.
func FuzzLoad(f *testing.F) {
	for _, name := range objects {
		f.Add(image(f, name))
	}
	f.Fuzz(func(t *testing.T, image []byte) {
		if err := use(t, image); err != nil {
			t.Log(err)
		}
	})
}
