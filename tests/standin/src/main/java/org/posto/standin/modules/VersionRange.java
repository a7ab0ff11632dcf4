package org.posto.standin.modules;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * OpenMRS's require_version: "2.8.0" (that or later), "2.4.*", "2.4.0 - 2.*", and several of them separated by commas.
 * Qualifiers (-SNAPSHOT, -beta) do not count.
 */
final class VersionRange {
    private VersionRange() {}

    static boolean accepts(String required, String version) {
        if (required == null || required.isBlank()) {
            return true;
        }
        return Arrays.stream(required.split(",")).map(String::trim).anyMatch(one -> acceptsOne(one, version));
    }

    private static boolean acceptsOne(String required, String version) {
        String[] ends = required.split("\\s+-\\s+");
        if (ends.length == 2) {
            return compare(numbers(version), numbers(ends[0].replace("*", "0"))) >= 0 && isUpTo(version, ends[1]);
        }
        if (required.contains("*")) {
            return isUpTo(version, required) && compare(numbers(version), numbers(required.replace("*", "0"))) >= 0;
        }
        return compare(numbers(version), numbers(required)) >= 0;
    }

    /** "2.*" reaches to the end of 2. */
    private static boolean isUpTo(String version, String upper) {
        List<Integer> limit = numbers(upper.contains("*") ? upper.substring(0, upper.indexOf('*')) : upper);
        List<Integer> present = numbers(version);
        if (upper.contains("*") && present.size() > limit.size()) {
            present = present.subList(0, limit.size());
        }
        return compare(present, limit) <= 0;
    }

    private static int compare(List<Integer> left, List<Integer> right) {
        for (int place = 0; place < Math.max(left.size(), right.size()); place++) {
            int order = Integer.compare(at(left, place), at(right, place));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    private static int at(List<Integer> numbers, int place) {
        return place < numbers.size() ? numbers.get(place) : 0;
    }

    private static List<Integer> numbers(String version) {
        List<Integer> numbers = new ArrayList<>();
        for (String part : version.trim().split("-")[0].split("\\.")) {
            String digits = part.replaceAll("\\D.*", "");
            if (!digits.isEmpty() && digits.length() < 9) {
                numbers.add(Integer.parseInt(digits));
            }
        }
        return numbers;
    }
}
