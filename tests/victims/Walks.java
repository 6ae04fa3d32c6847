// A Java program whose virtual machine walks stacks often: it collects garbage,
// throws, compiles, and starts threads and a child.
public class Walks {
	static long work(int n) {
		long s = 0;
		for (int i = 0; i < n; i++)
			s += Integer.toString(i).hashCode();
		return s;
	}

	static int deep(int n) {
		return n == 0 ? 0 : 1 + deep(n - 1);
	}

	static int endless() {
		return 1 + endless();
	}

	public static void main(String[] args) throws Exception {
		System.out.println(work(2000000));
		for (int i = 0; i < 3; i++)
			try {
				Object none = args.length > 5 ? args : null;
				none.hashCode();
			} catch (NullPointerException e) {
				System.out.println("null " + e.getStackTrace().length);
			}
		System.out.println(deep(1000));
		try {
			endless();
		} catch (StackOverflowError e) {
			System.out.println("overflow");
		}
		long[] sums = new long[4];
		Thread[] threads = new Thread[4];
		for (int i = 0; i < 4; i++) {
			final int k = i;
			threads[k] = new Thread(() -> sums[k] = work(200000));
			threads[k].start();
		}
		for (Thread t : threads)
			t.join();
		System.gc();
		System.out.println(sums[0] + sums[1] + sums[2] + sums[3]);
		Process child = new ProcessBuilder("echo", "child").inheritIO().start();
		System.out.println(child.waitFor());
	}
}
