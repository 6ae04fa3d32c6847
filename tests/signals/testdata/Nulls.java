public class Nulls {
    int n;
    Nulls next;
    static int walk(Nulls p, int depth) {
        int sum = 0;
        while (depth-- > 0) { sum += p.n; p = p.next; }
        return sum;
    }
    static int deep(int n) { return n == 0 ? 0 : 1 + deep(n + 1); }
    public static void main(String[] args) throws Exception {
        Nulls list = new Nulls();
        list.n = 1;
        list.next = new Nulls();
        Thread[] threads = new Thread[4];
        int[] caught = new int[4];
        for (int t = 0; t < 4; t++) {
            int id = t;
            threads[t] = new Thread(() -> {
                for (int i = 0; i < 20000; i++)
                    try { walk(list, i % 5); } catch (NullPointerException e) { caught[id]++; }
                for (int i = 0; i < 20; i++)
                    try { deep(1); } catch (StackOverflowError e) { caught[id] += 100000; }
            });
            threads[t].start();
        }
        for (int t = 0; t < 4; t++) { threads[t].join(); System.out.println(caught[t]); }
        for (int i = 0; i < 5; i++) System.gc();
        Process p = new ProcessBuilder("/bin/echo", "a child").start();
        System.out.print(new String(p.getInputStream().readAllBytes()));
        System.out.println(p.waitFor());
    }
}
