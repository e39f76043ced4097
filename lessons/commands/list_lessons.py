"""Lists the lessons."""

from dataclasses import dataclass

from lessons import course


@dataclass(frozen=True)
class List:
    """List the lessons: idea, command, result and minutes of each."""

    def act(self) -> None:
        """Prints each lesson's number, idea, command, result and minutes."""
        for lesson in course.find_lessons():
            print(f"{lesson.number}  {lesson.idea}\n   {lesson.command}")
            print(f"   {lesson.result}\n   {lesson.minutes} minutes\n")
        print(
            "The flags of a lesson: its command with --help. What else can be done: "
            "python -m lessons --help"
        )
