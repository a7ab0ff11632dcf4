package org.posto.standin.database;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Patients, encounters and observations in OpenMRS's own columns; every write is one transaction. */
public record Records(Pool pool) {
    private static final List<String> COUNTED = List.of("patient", "encounter", "obs");
    private static final String ENCOUNTER_TYPE = "5f0c7a51-9a3e-4b57-8a8e-0d5d9f7a0001";
    private static final String CONCEPT = "5f0c7a51-9a3e-4b57-8a8e-0d5d9f7a0002";

    /** What to add; patientUuid null makes a new patient. */
    public record Entry(String patientUuid, String givenName, String familyName, int encounters, int obsPerEncounter) {}

    /** UUIDs of what was committed. */
    public record Added(String patient, List<String> encounters, List<String> obs) {}

    public Map<String, Long> counts() throws SQLException {
        Map<String, Long> counts = new LinkedHashMap<>();
        try (Connection connection = pool.connection(); Statement statement = connection.createStatement()) {
            for (String table : COUNTED) {
                try (ResultSet rows = statement.executeQuery("select count(*) from " + table)) {
                    rows.next();
                    counts.put(table, rows.getLong(1));
                }
            }
        }
        return counts;
    }

    /** Which of the three tables holds this UUID, or null: how a test finds again what was acknowledged. */
    public String find(String uuid) throws SQLException {
        try (Connection connection = pool.connection()) {
            for (String[] place : new String[][] {
                {"patient", "select count(*) from patient p join person n on n.person_id = p.patient_id where n.uuid = ?"},
                {"encounter", "select count(*) from encounter where uuid = ?"},
                {"obs", "select count(*) from obs where uuid = ?"}
            }) {
                if (number(connection, place[1], uuid) > 0) {
                    return place[0];
                }
            }
        }
        return null;
    }

    /** Returns only after the commit; null when the named patient does not exist. */
    public Added add(Entry entry) throws SQLException {
        try (Connection connection = pool.connection()) {
            if (entry.encounters() > 0) {
                makeMetadata(connection);
            }
            connection.setAutoCommit(false);
            try {
                Added added = addIn(connection, entry);
                if (added != null) {
                    connection.commit();
                }
                return added;
            } finally {
                // After a commit this is nothing; after a failure c3p0 would do it too, but later.
                connection.rollback();
                connection.setAutoCommit(true);
            }
        }
    }

    private static Added addIn(Connection connection, Entry entry) throws SQLException {
        List<String> encounters = new ArrayList<>();
        List<String> obs = new ArrayList<>();
        String uuid = entry.patientUuid();
        long patient;
        if (uuid == null) {
            uuid = UUID.randomUUID().toString();
            patient = addPatient(connection, uuid, entry);
        } else {
            patient = number(connection,
                    "select patient_id from patient p join person n on n.person_id = p.patient_id where n.uuid = ?", uuid);
            if (patient < 0) {
                return null;
            }
        }
        long type = number(connection, "select encounter_type_id from encounter_type where uuid = ?", ENCOUNTER_TYPE);
        long concept = number(connection, "select concept_id from concept where uuid = ?", CONCEPT);
        for (int number = 0; number < entry.encounters(); number++) {
            String encounterUuid = UUID.randomUUID().toString();
            long encounter = insert(connection, "insert into encounter (encounter_type, patient_id, location_id,"
                    + " encounter_datetime, creator, date_created, voided, uuid) values (?, ?, 1, now(), 1, now(), 0, ?)",
                    type, patient, encounterUuid);
            encounters.add(encounterUuid);
            for (int value = 0; value < entry.obsPerEncounter(); value++) {
                String obsUuid = UUID.randomUUID().toString();
                insert(connection, "insert into obs (person_id, concept_id, encounter_id, obs_datetime, location_id,"
                        + " value_numeric, creator, date_created, voided, uuid)"
                        + " values (?, ?, ?, now(), 1, ?, 1, now(), 0, ?)",
                        patient, concept, encounter, value, obsUuid);
                obs.add(obsUuid);
            }
        }
        return new Added(uuid, encounters, obs);
    }

    private static long addPatient(Connection connection, String uuid, Entry entry) throws SQLException {
        long person = insert(connection, "insert into person (gender, birthdate, birthdate_estimated, dead, creator,"
                + " date_created, voided, uuid) values ('F', '1990-01-01', 1, 0, 1, now(), 0, ?)", uuid);
        insert(connection, "insert into person_name (preferred, person_id, given_name, family_name, creator,"
                + " date_created, voided, uuid) values (1, ?, ?, ?, 1, now(), 0, ?)",
                person, entry.givenName(), entry.familyName(), UUID.randomUUID().toString());
        insert(connection, "insert into patient (patient_id, creator, date_created, voided) values (?, 1, now(), 0)", person);
        insert(connection, "insert into patient_identifier (patient_id, identifier, identifier_type, preferred,"
                + " location_id, creator, date_created, voided, uuid)"
                + " values (?, ?, (select min(patient_identifier_type_id) from patient_identifier_type), 1, 1, 1, now(), 0, ?)",
                person, "SI-" + uuid.substring(0, 8), UUID.randomUUID().toString());
        return person;
    }

    /**
     * Made with the first encounter and not by the migration, so that a migration changes no row counts. Outside the entry's
     * transaction and one at a time: two first encounters would deadlock on each other's gaps.
     */
    private static synchronized void makeMetadata(Connection connection) throws SQLException {
        if (number(connection, "select 1 from encounter_type where uuid = ?", ENCOUNTER_TYPE) < 0) {
            insert(connection, "insert into encounter_type (name, description, creator, date_created, retired, uuid)"
                    + " values ('Stand-in', 'Made by the stand-in', 1, now(), 0, ?)", ENCOUNTER_TYPE);
        }
        if (number(connection, "select 1 from concept where uuid = ?", CONCEPT) < 0) {
            insert(connection, "insert into concept (retired, datatype_id, class_id, is_set, creator, date_created, uuid)"
                    + " select 0, (select min(concept_datatype_id) from concept_datatype),"
                    + " (select min(concept_class_id) from concept_class), 0, 1, now(), ?", CONCEPT);
        }
    }

    private static long insert(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
            set(statement, values);
            statement.executeUpdate();
            try (ResultSet keys = statement.getGeneratedKeys()) {
                return keys.next() ? keys.getLong(1) : -1;
            }
        }
    }

    private static long number(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            set(statement, values);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? rows.getLong(1) : -1;
            }
        }
    }

    private static void set(PreparedStatement statement, Object[] values) throws SQLException {
        for (int place = 0; place < values.length; place++) {
            statement.setObject(place + 1, values[place]);
        }
    }
}
