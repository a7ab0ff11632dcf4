package org.posto.standin.modules;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** One module file: what its config.xml says. requiredModules maps package to version (empty: any). */
record Omod(String id, String name, String version, String packageName, String requireVersion,
        Map<String, String> requiredModules, boolean failsOnStart) {
    /** Far above any real config.xml; a garbage file must not be taken into memory. */
    private static final int MAX_CONFIG_BYTES = 1 << 20;

    static Omod read(Path file) throws IOException {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            ZipEntry entry = zip.getEntry("config.xml");
            if (entry == null) {
                throw new IOException("no config.xml in " + file.getFileName());
            }
            try (InputStream stream = zip.getInputStream(entry)) {
                return parse(new InputSource(new java.io.ByteArrayInputStream(stream.readNBytes(MAX_CONFIG_BYTES))));
            }
        }
    }

    static Omod parse(InputSource source) throws IOException {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            // Real modules name a DTD on the network.
            factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
            factory.setFeature("http://xml.org/sax/features/external-general-entities", false);
            factory.setExpandEntityReferences(false);
            Element module = factory.newDocumentBuilder().parse(source).getDocumentElement();
            String id = text(module, "id");
            if (id.isEmpty()) {
                throw new IOException("config.xml names no id");
            }
            return new Omod(id, text(module, "name"), text(module, "version"), text(module, "package"),
                    text(module, "require_version"), required(module), "true".equals(text(module, "standin_fails_on_start")));
        } catch (SAXException | ParserConfigurationException broken) {
            throw new IOException("config.xml cannot be read: " + broken.getMessage(), broken);
        }
    }

    private static Map<String, String> required(Element module) {
        Map<String, String> required = new LinkedHashMap<>();
        NodeList nodes = module.getElementsByTagName("require_module");
        for (int number = 0; number < nodes.getLength(); number++) {
            Element node = (Element) nodes.item(number);
            required.put(node.getTextContent().trim(), node.getAttribute("version").trim());
        }
        return required;
    }

    /** Of the direct children only: nested elements use the same names. */
    private static String text(Element module, String tag) {
        for (Node node = module.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node.getNodeName().equals(tag)) {
                return node.getTextContent().trim();
            }
        }
        return "";
    }
}
