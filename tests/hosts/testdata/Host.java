import java.util.*;
import java.util.concurrent.*;

/** Threads, allocation, collections, null pointers (which the VM finds by SIGSEGV), processes. */
public class Host {
    static int deep(int n) { return n == 0 ? 0 : 1 + deep(n - 1); }

    static int length(String s) { try { return s.length(); } catch (NullPointerException e) { return -1; } }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> sums = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            final int seed = i;
            sums.add(pool.submit(() -> {
                long s = 0;
                for (int n = 0; n < 200000; n++) s += new byte[32].length + length(n % 1000 == seed ? null : "ab");
                return s;
            }));
        }
        for (Future<Long> f : sums) System.out.println(f.get());
        pool.shutdown();
        System.gc();
        try { deep(1 << 24); } catch (StackOverflowError e) { System.out.println("stack overflow caught"); }
        System.out.println(deep(1000));
        Process p = new ProcessBuilder("checkpoint", "java").inheritIO().start();
        System.out.println("checkpoint " + p.waitFor());
        p = new ProcessBuilder("sh", "-c", "cat; exit 4").start();
        p.getOutputStream().write("to a child\n".getBytes());
        p.getOutputStream().close();
        System.out.print(new String(p.getInputStream().readAllBytes()));
        System.out.println("sh " + p.waitFor());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(6);
    }
}
