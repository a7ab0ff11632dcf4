package org.posto.standin;

import java.lang.management.ClassLoadingMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Weighs what a server with 25 modules weighs, so that memory limits are tested against something real: a live heap, classes in
 * one loader a module, and memory outside the heap (metaspace and code counted, the rest direct buffers).
 */
final class Ballast {
    private static final int LOADERS = 25;
    private static final int CLASSES_PER_LOADER = 800;
    private static final int METHODS_PER_CLASS = 12;
    private static final long HEAP_BYTES = 250L << 20;
    private static final long OFF_HEAP_BYTES = 280L << 20;

    // Held for the life of the application: this is what makes it live.
    private final List<Object> kept = new ArrayList<>();
    private final List<ByteBuffer> direct = new ArrayList<>();

    static Ballast load() {
        Ballast ballast = new Ballast();
        for (int loader = 0; loader < LOADERS; loader++) {
            ballast.kept.add(ballast.loadClasses(loader));
        }
        ballast.fillHeap();
        ballast.fillOffHeap();
        return ballast;
    }

    private List<Class<?>> loadClasses(int loaderNumber) {
        Definer definer = new Definer();
        List<Class<?>> classes = new ArrayList<>();
        for (int number = 0; number < CLASSES_PER_LOADER; number++) {
            String name = "org/posto/standin/ballast/m" + loaderNumber + "/Service" + number;
            try {
                Class<?> loaded = definer.define(bytes(name));
                // Linked and initialised: rewritten bytecode and method tables are most of a class's metaspace.
                classes.add(Class.forName(loaded.getName(), true, definer));
            } catch (ClassNotFoundException impossible) {
                throw new IllegalStateException(impossible);
            }
        }
        return classes;
    }

    private static byte[] bytes(String name) {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        writer.visit(Opcodes.V11, Opcodes.ACC_PUBLIC, name, null, "java/lang/Object", null);
        writer.visitField(Opcodes.ACC_STATIC, "seen", "J", null, null).visitEnd();
        for (int number = 0; number < METHODS_PER_CLASS; number++) {
            MethodVisitor method = writer.visitMethod(Opcodes.ACC_PUBLIC | Opcodes.ACC_STATIC,
                    "get" + number, "(JLjava/lang/String;)J", null, null);
            method.visitCode();
            for (int step = 0; step < 12; step++) {
                method.visitLdcInsn((long) number * 1000 + step);
                method.visitVarInsn(Opcodes.LLOAD, 0);
                method.visitInsn(Opcodes.LADD);
                method.visitVarInsn(Opcodes.LSTORE, 0);
            }
            method.visitVarInsn(Opcodes.LLOAD, 0);
            method.visitFieldInsn(Opcodes.PUTSTATIC, name, "seen", "J");
            method.visitVarInsn(Opcodes.LLOAD, 0);
            method.visitInsn(Opcodes.LRETURN);
            method.visitMaxs(0, 0);
            method.visitEnd();
        }
        writer.visitEnd();
        return writer.toByteArray();
    }

    private void fillHeap() {
        // Small linked objects, as Hibernate's caches are: a few large arrays would cost the collector nothing.
        long filled = 0;
        long number = 0;
        while (filled < HEAP_BYTES) {
            Map<String, byte[]> entries = new HashMap<>();
            for (int entry = 0; entry < 1000; entry++) {
                entries.put("entry-" + number++, new byte[160]);
                // map node 32, string and its bytes 24+32, array 16+160, table slot: about 280 bytes
                filled += 280;
            }
            kept.add(entries);
        }
    }

    private void fillOffHeap() {
        long present = ManagementFactory.getMemoryMXBean().getNonHeapMemoryUsage().getUsed();
        for (long missing = OFF_HEAP_BYTES - present; missing > 0; missing -= 1 << 20) {
            // allocateDirect zeroes the pages, so they are resident
            direct.add(ByteBuffer.allocateDirect(1 << 20));
        }
    }

    @Override
    public String toString() {
        ClassLoadingMXBean classes = ManagementFactory.getClassLoadingMXBean();
        long nonHeap = ManagementFactory.getMemoryMXBean().getNonHeapMemoryUsage().getUsed() >> 20;
        long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() >> 20;
        return "ballast: " + classes.getLoadedClassCount() + " classes, heap in use " + heap + " MiB, outside the heap "
                + nonHeap + " MiB counted by the JVM and " + direct.size() + " MiB direct";
    }

    private static final class Definer extends ClassLoader {
        Definer() {
            super(Ballast.class.getClassLoader());
        }

        Class<?> define(byte[] bytes) {
            return defineClass(null, bytes, 0, bytes.length);
        }
    }
}
