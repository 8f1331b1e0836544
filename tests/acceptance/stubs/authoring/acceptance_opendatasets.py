"""``azureml.opendatasets``, with made-up taxi trips."""

import random


class _Trips:
    rows = 6000

    def __init__(self, start_date=None, end_date=None):
        self.start = start_date

    def to_pandas_dataframe(self):
        import pandas

        chance = random.Random(4)
        return pandas.DataFrame([self.row(chance) for _ in range(self.rows)])

    def times(self, chance):
        day, hour, minute = chance.randint(1, 30), chance.randint(0, 22), chance.randint(0, 59)
        return f"2016-01-{day:02} {hour:02}:{minute:02}:10", f"2016-01-{day:02} {hour:02}:{minute:02}:55"

    def place(self, chance):
        return -74.0 + chance.uniform(-0.1, 0.1), 40.75 + chance.uniform(-0.1, 0.1)

    def fare(self, chance):
        distance = round(chance.uniform(0.5, 9.0), 2)
        return {"tripDistance": distance, "fareAmount": round(2.5 + 2 * distance, 2), "totalAmount": 3 + 2 * distance}


class NycTlcGreen(_Trips):
    def row(self, chance):
        start, end = self.times(chance)
        (x, y), (x2, y2) = self.place(chance), self.place(chance)
        return {
            "vendorID": chance.choice([1, 2]),
            "lpepPickupDatetime": start,
            "lpepDropoffDatetime": end,
            "passengerCount": chance.randint(1, 6),
            "pickupLongitude": x,
            "pickupLatitude": y,
            "dropoffLongitude": x2,
            "dropoffLatitude": y2,
            "storeAndFwdFlag": "N",
            **self.fare(chance),
        }


class NycTlcYellow(_Trips):
    def row(self, chance):
        start, end = self.times(chance)
        (x, y), (x2, y2) = self.place(chance), self.place(chance)
        return {
            "vendorID": chance.choice([1, 2]),
            "tpepPickupDateTime": start,
            "tpepDropoffDateTime": end,
            "passengerCount": chance.randint(1, 6),
            "startLon": x,
            "startLat": y,
            "endLon": x2,
            "endLat": y2,
            "storeAndFwdFlag": "N",
            **self.fare(chance),
        }
