"""What a program file may say."""
