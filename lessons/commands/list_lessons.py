"""Lists the lessons."""

from dataclasses import dataclass

from lessons import course, measurements


@dataclass(frozen=True)
class List:
    """List the lessons: idea, command, result and minutes of each."""

    def act(self) -> None:
        """Prints each lesson's number, idea, command, result, minutes, and how the
        result was measured.
        """
        entries = measurements.read()
        for lesson in course.find_lessons():
            print(f"{lesson.number}  {lesson.idea}\n   {lesson.command}")
            measured = measurements.describe(lesson.path, entries)
            print(f"   {lesson.result}\n   {lesson.minutes} minutes; {measured}\n")
        print(
            "The flags of a lesson: its command with --help. What else can be done: "
            "python -m lessons --help"
        )
