"""How the nets that find the parts of a face were fitted. Not part of what is installed.

Run from the project's root, the first with MediaPipe and OpenCV installed, the second with torch::

    python -m training.face.marks PICTURES MARKS.npz --model face_landmarker.task
    python -m training.face.fit MARKS.npz -o imgsync_core/face/parts.npz
"""
