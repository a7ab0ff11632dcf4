package org.posto.standin.modules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModulesTest {
    @TempDir
    Path directory;

    private Path omod(String id, String rest) throws IOException {
        Path file = directory.resolve(id + ".omod");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            zip.putNextEntry(new ZipEntry("config.xml"));
            zip.write(("<module><id>" + id + "</id><name>" + id + "</name><version>1.2.0</version><package>org." + id
                    + "</package>" + rest + "</module>").getBytes(StandardCharsets.UTF_8));
        }
        return file;
    }

    private List<String> running() {
        return Modules.start(directory, "2.8.9").running().stream().map(Modules.Running::id).toList();
    }

    @Test
    void aTruncatedOrGarbageFileIsSkippedAndTheRestRuns() throws IOException {
        omod("good", "");
        Path cut = omod("cut", "");
        byte[] bytes = Files.readAllBytes(cut);
        Files.write(cut, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        Files.writeString(directory.resolve("garbage.omod"), "not a zip");
        omod("broken", "<unclosed>");
        assertEquals(List.of("good"), running());
    }

    @Test
    void anUnmetRequirementIsSkippedWithWhatNeedsIt() throws IOException {
        omod("future", "<require_version>99.0</require_version><mandatory>true</mandatory>");
        omod("needy", "<require_modules><require_module>org.future</require_module></require_modules>");
        omod("pinned", "<require_modules><require_module version=\"2.0\">org.good</require_module></require_modules>");
        omod("good", "<require_version>2.0.0 - 2.*</require_version>");
        assertEquals(List.of("good"), running());
    }

    @Test
    void aModuleStartsAfterWhatItRequires() throws IOException {
        omod("a", "<require_modules><require_module version=\"1.0\">org.z</require_module></require_modules>");
        omod("z", "");
        assertEquals(List.of("z", "a"), running());
    }

    @Test
    void oneFailureUnloadsAllModules() throws IOException {
        omod("good", "");
        omod("bad", "<standin_fails_on_start>true</standin_fails_on_start>");
        Modules modules = Modules.start(directory, "2.8.9");
        assertTrue(modules.areUnloaded());
        assertEquals(List.of(), modules.running());
    }

    @Test
    void modulesThatRanCanBeUnloadedAllTheSame() throws IOException {
        omod("good", "");
        Modules modules = Modules.start(directory, "2.8.9").unload();
        assertTrue(modules.areUnloaded());
        assertEquals(List.of(), modules.running());
    }

    @Test
    void aServerWithoutModulesHasLostNone() {
        assertFalse(Modules.start(directory.resolve("absent"), "2.8.9").areUnloaded());
    }
}
