"""The order of columns per type, the same in every file and every format.

Documented columns come first, in this order (analytics-cloud-api.md §4: what identifies a row, when it happened,
then the rest); what upstream adds without notice follows in alphabetical order, so that the order of rows and
of keys, which upstream does not promise, never changes it. Only columns that occur are written; a file without
rows gets the documented ones.
"""

from collections.abc import Iterable
from typing import Final

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    kind: tuple(names.split())
    for kind, names in {
        "event": """
            id eventId eventDate createDate applicationId channelId dataSourceId projectId sessionId userId
            emailAddressHashed assetId assetTitle title description keywords url canonicalUrl referrer
            browserName deviceType platformName country region city languageId contentLanguageId
            projectTimeZoneId timezoneOffset experienceId experimentId variantId eventProperties properties context
        """,
        "identity": "id createDate individualId projectId",
        "individual": """
            id emailAddress createDate modifiedDate firstName middleName lastName screenName jobTitle birthday
            gender languageId suppressed fields memberships
        """,
        "membership": "segmentId identityId individualId channelId status createDate modifiedDate",
        "page": """
            eventDate title canonicalUrl channelId sessionId userId views reads entrances exits bounce ctaClicks
            timeOnPage directAccess indirectAccess experimentId variantId browserName deviceType platformName
            country region city description
        """,
        "segment": """
            id name type state status scope filter filtermetadata authorname authorid channelid createdate
            modifieddate includeanonymoususers individualscount identitiescount
        """,
    }.items()
}


def ordered(data_type: str, names: Iterable[str]) -> list[str]:
    """`names` in the order of `data_type`; fields of a record stand where the record would."""
    places = {name.lower(): place for place, name in enumerate(COLUMNS.get(data_type.lower(), ()))}

    def place(name: str) -> tuple[int, str, str]:
        top = name.lower() if name.lower() in places else name.split(".")[0].lower()
        return places.get(top, len(places)), name.lower(), name

    return sorted(set(names), key=place)
