import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Enumeration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * What a package proves, computed a second time: leaves, roots, signatures, and proofs of inclusion and consistency. Trees are those
 * of RFC 9162 by the recursive definitions of 2.1.1, 2.1.3.1 and 2.1.4.1; nothing is shared with the product or its verifier.
 *
 * <p>Each argument is a package, or a file of proofs to be checked: lines of words, bytes in hexadecimal. It prints a line for each
 * thing that does not hold, the root at the size of every checkpoint, and proofs that it makes itself.
 */
public final class PackageCheck {
    private static final Pattern ENVELOPE = Pattern.compile(
            ",\"position\":(\\d+),\"recorded_at\":\"[^\"]*\",\"schema\":\\d+,\"stream\":\"([0-9a-f-]{36})\","
                    + "\"type\":\"([a-z-]+)\",\"version\":(\\d+)}$");

    public static void main(String[] arguments) throws Exception {
        for (String argument : arguments) {
            if (argument.endsWith(".zip")) {
                System.out.println("package " + Path.of(argument).getFileName());
                checkPackage(argument);
            } else {
                checkProofs(Path.of(argument));
            }
        }
    }

    private static void checkPackage(String file) throws Exception {
        Map<String, byte[]> files = new TreeMap<>();
        try (ZipFile archive = new ZipFile(file)) {
            for (Enumeration<? extends ZipEntry> entries = archive.entries(); entries.hasMoreElements();) {
                ZipEntry entry = entries.nextElement();
                files.put(entry.getName(), archive.getInputStream(entry).readAllBytes());
            }
        }
        List<byte[]> leaves = new ArrayList<>();
        byte[] all = files.get("blaetter.bin");
        for (int start = 0; start + 32 <= all.length; start += 32) {
            leaves.add(Arrays.copyOfRange(all, start, start + 32));
        }
        for (String line : new String(files.get("ereignisse.jsonl"), StandardCharsets.UTF_8).split("\n")) {
            checkEvent(line, leaves);
        }
        for (Map.Entry<String, byte[]> each : files.entrySet()) {
            if (each.getKey().startsWith("pruefpunkte/")) {
                String keys = new String(files.get("schluessel.txt"), StandardCharsets.UTF_8);
                checkCheckpoint(each.getKey(), new String(each.getValue(), StandardCharsets.UTF_8), keys, leaves);
            }
        }
        int size = leaves.size();
        for (int number : new int[] {1, 2, size / 3, size / 2, size - 1, size}) {
            System.out.println("inclusion " + number + hex(path(number - 1, leaves)));
            System.out.println("consistency " + number + hex(proof(number, leaves, true)));
        }
    }

    private static void checkEvent(String line, List<byte[]> leaves) throws Exception {
        Matcher found = ENVELOPE.matcher(line);
        if (!found.find()) {
            System.out.println("no event");
            return;
        }
        int position = Integer.parseInt(found.group(1));
        byte[] stream = HexFormat.of().parseHex(found.group(2).replace("-", ""));
        byte[] type = found.group(3).getBytes(StandardCharsets.UTF_8);
        byte[] state = line.getBytes(StandardCharsets.UTF_8);
        ByteBuffer leaf = ByteBuffer.allocate(1 + 4 + 8 + 4 + 16 + 4 + 8 + 4 + type.length + 4 + state.length);
        leaf.put((byte) 0).putInt(8).putLong(position).putInt(16).put(stream).putInt(8);
        leaf.putLong(Long.parseLong(found.group(4))).putInt(type.length).put(type).putInt(state.length).put(state);
        if (position > leaves.size() || !Arrays.equals(sha256(leaf.array()), leaves.get(position - 1))) {
            System.out.println("leaf " + position);
        }
    }

    private static void checkCheckpoint(String name, String note, String keys, List<byte[]> leaves) throws Exception {
        int blank = note.lastIndexOf("\n\n");
        String text = note.substring(0, blank + 1);
        String[] said = text.split("\n");
        boolean signed = false;
        for (String line : note.substring(blank + 2).split("\n")) {
            String[] words = line.split(" ");
            for (String key : keys.split("\n")) {
                String[] parts = key.substring(key.indexOf(' ') + 1).split("\\+", 3);
                byte[] signature = Base64.getDecoder().decode(words[2]);
                boolean meant = HexFormat.of().formatHex(signature, 0, 4).equals(parts[1]) && words[1].equals(parts[0]);
                signed |= meant && verifies(Base64.getDecoder().decode(parts[2]), text, Arrays.copyOfRange(signature, 4, 68));
            }
        }
        if (!signed) {
            System.out.println("signature " + name);
            return;
        }
        int size = Integer.parseInt(said[1]);
        String root = size > leaves.size() ? "" : HexFormat.of().formatHex(root(leaves.subList(0, size)));
        System.out.println("root " + size + " " + root);
        if (!root.equals(HexFormat.of().formatHex(Base64.getDecoder().decode(said[2])))) {
            System.out.println("checkpoint " + size);
        }
    }

    private static boolean verifies(byte[] key, String text, byte[] signature) {
        try {
            byte[] encoded = new byte[44];
            byte[] head = HexFormat.of().parseHex("302a300506032b6570032100");
            System.arraycopy(head, 0, encoded, 0, head.length);
            System.arraycopy(key, 1, encoded, head.length, 32);
            PublicKey known = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(known);
            verifier.update(text.getBytes(StandardCharsets.UTF_8));
            return verifier.verify(signature);
        } catch (GeneralSecurityException refused) {
            return false;
        }
    }

    /** Lines „inclusion position size leaf root hash…“ and „consistency from to from-root to-root hash…“. */
    private static void checkProofs(Path file) throws Exception {
        for (String line : Files.readAllLines(file)) {
            String[] words = line.split(" ");
            int first = Integer.parseInt(words[1]);
            int second = Integer.parseInt(words[2]);
            List<byte[]> path = new ArrayList<>();
            for (int at = 5; at < words.length; at++) {
                path.add(HexFormat.of().parseHex(words[at]));
            }
            byte[] third = HexFormat.of().parseHex(words[3]);
            byte[] root = HexFormat.of().parseHex(words[4]);
            boolean holds = words[0].equals("inclusion")
                    ? includes(root, second, first - 1, third, path)
                    : extendsTree(third, first, root, second, path);
            System.out.println(holds ? "holds" : "fails");
        }
    }

    // ── RFC 9162

    private static byte[] root(List<byte[]> leaves) throws Exception {
        if (leaves.isEmpty()) {
            return sha256(new byte[0]);
        }
        if (leaves.size() == 1) {
            return leaves.get(0);
        }
        int half = half(leaves.size());
        return node(root(leaves.subList(0, half)), root(leaves.subList(half, leaves.size())));
    }

    private static List<byte[]> path(int leaf, List<byte[]> leaves) throws Exception {
        if (leaves.size() == 1) {
            return new ArrayList<>();
        }
        int half = half(leaves.size());
        List<byte[]> left = leaves.subList(0, half);
        List<byte[]> right = leaves.subList(half, leaves.size());
        List<byte[]> found = leaf < half ? path(leaf, left) : path(leaf - half, right);
        found.add(root(leaf < half ? right : left));
        return found;
    }

    private static List<byte[]> proof(int first, List<byte[]> leaves, boolean whole) throws Exception {
        if (first == leaves.size()) {
            return whole ? new ArrayList<>() : new ArrayList<>(List.of(root(leaves)));
        }
        int half = half(leaves.size());
        List<byte[]> left = leaves.subList(0, half);
        List<byte[]> right = leaves.subList(half, leaves.size());
        List<byte[]> found = first <= half ? proof(first, left, whole) : proof(first - half, right, false);
        found.add(root(first <= half ? right : left));
        return found;
    }

    private static boolean includes(byte[] root, int size, int leaf, byte[] hash, List<byte[]> path) throws Exception {
        if (leaf >= size) {
            return false;
        }
        int at = leaf;
        int last = size - 1;
        for (byte[] other : path) {
            if (last == 0) {
                return false;
            }
            if ((at & 1) == 1 || at == last) {
                hash = node(other, hash);
                while ((at & 1) == 0 && at != 0) {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node(hash, other);
            }
            at >>= 1;
            last >>= 1;
        }
        return last == 0 && Arrays.equals(hash, root);
    }

    private static boolean extendsTree(byte[] before, int first, byte[] after, int second, List<byte[]> path) throws Exception {
        if (first == second) {
            return path.isEmpty() && Arrays.equals(before, after);
        }
        List<byte[]> rest = new ArrayList<>(path);
        if (BigInteger.valueOf(first).bitCount() == 1) {
            rest.add(0, before);
        }
        int at = first - 1;
        int last = second - 1;
        while ((at & 1) == 1) {
            at >>= 1;
            last >>= 1;
        }
        if (rest.isEmpty()) {
            return false;
        }
        byte[] old = rest.get(0);
        byte[] now = old;
        for (byte[] other : rest.subList(1, rest.size())) {
            if (last == 0) {
                return false;
            }
            if ((at & 1) == 1 || at == last) {
                old = node(other, old);
                now = node(other, now);
                while ((at & 1) == 0 && at != 0) {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                now = node(now, other);
            }
            at >>= 1;
            last >>= 1;
        }
        return last == 0 && Arrays.equals(old, before) && Arrays.equals(now, after);
    }

    private static int half(int size) {
        return Integer.highestOneBit(size - 1);
    }

    private static byte[] node(byte[] left, byte[] right) throws Exception {
        return sha256(ByteBuffer.allocate(65).put((byte) 1).put(left).put(right).array());
    }

    private static byte[] sha256(byte[] content) throws Exception {
        return MessageDigest.getInstance("SHA-256").digest(content);
    }

    private static String hex(List<byte[]> hashes) {
        StringBuilder text = new StringBuilder();
        for (byte[] hash : hashes) {
            text.append(' ').append(HexFormat.of().formatHex(hash));
        }
        return text.toString();
    }
}
