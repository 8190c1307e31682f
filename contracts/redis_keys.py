"""The keys of Redis and Valkey, all of them."""


class SnapshotKeys:
    """The keys of the snapshot: `MEDALLERO_REDIS_PREFIX` and these names."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.meta = f"{prefix}meta"
        self.medal_table = f"{prefix}medal_table"
        #: stream of the sports' counts, in the catalogue's order; rewritten whole
        self.sports = f"{prefix}sports"
        self.history = f"{prefix}history"
        #: stream of the changes that people tell each other, the newest first; rewritten whole
        self.latest = f"{prefix}latest"
        #: stream of the medals of the events that changed last, the newest first; rewritten whole
        self.medallists = f"{prefix}medallists"
        #: sets that a dashboard's variables read: ``name=title`` of each sport and each faculty,
        #: and the names of the faculties that the medal table lists first
        self.sport_choices = f"{prefix}choices:sports"
        self.faculty_choices = f"{prefix}choices:faculties"
        self.leaders = f"{prefix}choices:leaders"
        #: set of all keys of the last snapshot, so that the next one can delete what vanished
        self.index = f"{prefix}index"
        #: hash partition → private address of the worker that owns it
        self.owners = f"{prefix}owners"

    def sport(self, sport: str) -> str:
        """Return the hash of a sport's counts."""
        return f"{self.prefix}sport:{sport}"

    def faculty(self, faculty: str) -> str:
        """Return the hash of a faculty's counts, rank and total."""
        return f"{self.prefix}faculty:{faculty}"

    def pair(self, sport: str, faculty: str) -> str:
        """Return the hash of a faculty's counts in one sport."""
        return f"{self.prefix}sport:{sport}:faculty:{faculty}"


class WeatherKeys:
    """The keys of the weather counts: `MEDALLERO_WEATHER_PREFIX` and these names.

    The cells are in the families of ``weather.counts``.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        #: hash: reports, updated_at and whatever else is known of the whole
        self.meta = f"{prefix}meta"
        #: streams that dashboards read as tables, rewritten whole
        self.countries = f"{prefix}countries"
        self.weathers = f"{prefix}weathers"
        self.municipalities = f"{prefix}municipalities"
        self.minutes = f"{prefix}minutes"
        #: hash id → the surviving record (by RabbitMQ only)
        self.reports = f"{prefix}reports"
        #: hash partition → up to where it is counted (by Kafka only)
        self.fences = f"{prefix}fences"

    def family(self, family: str) -> str:
        """Return the hash of a family's cells."""
        return f"{self.prefix}{family}"

    def partition(self, partition: int) -> str:
        """Return the hash of what one partition adds to the cells (by Kafka only)."""
        return f"{self.prefix}partition:{partition}"
